/** A published catalogue, by the words of its publisher. NIST's texts are public domain; OWASP's titles are CC BY-SA 4.0. */
export interface Framework {
  readonly id: FrameworkId;
  readonly name: string;
  readonly version: string;
  readonly url: string;
  /** All entries, or those that what Rekey knows can say something about (`partial`). */
  readonly partial: boolean;
  readonly entries: Readonly<Record<string, string>>;
}

export const frameworkIds = ["owasp-agentic", "owasp-nhi", "owasp-llm", "nist-csf", "nist-ai-rmf"] as const;
export type FrameworkId = (typeof frameworkIds)[number];

export const frameworks: Readonly<Record<FrameworkId, Framework>> = {
  "owasp-agentic": {
    id: "owasp-agentic",
    name: "OWASP Top 10 for Agentic Applications",
    version: "2026 (December 2025)",
    url: "https://genai.owasp.org/resource/owasp-top-10-for-agentic-applications-for-2026/",
    partial: false,
    entries: {
      ASI01: "Agent Goal Hijack",
      ASI02: "Tool Misuse and Exploitation",
      ASI03: "Identity and Privilege Abuse",
      ASI04: "Agentic Supply Chain Vulnerabilities",
      ASI05: "Unexpected Code Execution (RCE)",
      ASI06: "Memory & Context Poisoning",
      ASI07: "Insecure Inter-Agent Communication",
      ASI08: "Cascading Failures",
      ASI09: "Human-Agent Trust Exploitation",
      ASI10: "Rogue Agents",
    },
  },
  "owasp-nhi": {
    id: "owasp-nhi",
    name: "OWASP Non-Human Identities Top 10",
    version: "2025",
    url: "https://owasp.org/www-project-non-human-identities-top-10/2025/",
    partial: false,
    entries: {
      NHI1: "Improper Offboarding",
      NHI2: "Secret Leakage",
      NHI3: "Vulnerable Third-Party NHI",
      NHI4: "Insecure Authentication",
      NHI5: "Overprivileged NHI",
      NHI6: "Insecure Cloud Deployment Configurations",
      NHI7: "Long-Lived Secrets",
      NHI8: "Environment Isolation",
      NHI9: "NHI Reuse",
      NHI10: "Human Use of NHI",
    },
  },
  "owasp-llm": {
    id: "owasp-llm",
    name: "OWASP Top 10 for LLM Applications",
    version: "2025",
    url: "https://genai.owasp.org/llm-top-10/",
    partial: false,
    entries: {
      LLM01: "Prompt Injection",
      LLM02: "Sensitive Information Disclosure",
      LLM03: "Supply Chain",
      LLM04: "Data and Model Poisoning",
      LLM05: "Improper Output Handling",
      LLM06: "Excessive Agency",
      LLM07: "System Prompt Leakage",
      LLM08: "Vector and Embedding Weaknesses",
      LLM09: "Misinformation",
      LLM10: "Unbounded Consumption",
    },
  },
  "nist-csf": {
    id: "nist-csf",
    name: "NIST Cybersecurity Framework",
    version: "2.0 (February 2024)",
    url: "https://nvlpubs.nist.gov/nistpubs/CSWP/NIST.CSWP.29.pdf",
    partial: true,
    entries: {
      "GV.RR-02":
        "Roles, responsibilities, and authorities related to cybersecurity risk management are established, communicated, understood, and enforced",
      "ID.AM-02": "Inventories of software, services, and systems managed by the organization are maintained",
      "ID.AM-08": "Systems, hardware, software, services, and data are managed throughout their life cycles",
      "ID.RA-07": "Changes and exceptions are managed, assessed for risk impact, recorded, and tracked",
      "PR.AA-01": "Identities and credentials for authorized users, services, and hardware are managed by the organization",
      "PR.AA-05":
        "Access permissions, entitlements, and authorizations are defined in a policy, managed, enforced, and reviewed, and incorporate the principles of least privilege and separation of duties",
      "PR.DS-01": "The confidentiality, integrity, and availability of data-at-rest are protected",
      "DE.CM-09": "Computing hardware and software, runtime environments, and their data are monitored to find potentially adverse events",
      "DE.AE-02": "Potentially adverse events are analyzed to better understand associated activities",
      "DE.AE-03": "Information is correlated from multiple sources",
      "RS.MA-02": "Incident reports are triaged and validated",
      "RS.AN-06": "Actions performed during an investigation are recorded, and the records' integrity and provenance are preserved",
      "RS.AN-07": "Incident data and metadata are collected, and their integrity and provenance are preserved",
      "RS.MI-01": "Incidents are contained",
      "RS.MI-02": "Incidents are eradicated",
    },
  },
  "nist-ai-rmf": {
    id: "nist-ai-rmf",
    name: "NIST AI Risk Management Framework",
    version: "1.0 (NIST AI 100-1, January 2023)",
    url: "https://nvlpubs.nist.gov/nistpubs/ai/NIST.AI.100-1.pdf",
    partial: true,
    entries: {
      "GOVERN 1.5":
        "Ongoing monitoring and periodic review of the risk management process and its outcomes are planned and organizational roles and responsibilities clearly defined, including determining the frequency of periodic review",
      "GOVERN 1.6": "Mechanisms are in place to inventory AI systems and are resourced according to organizational risk priorities",
      "GOVERN 1.7":
        "Processes and procedures are in place for decommissioning and phasing out AI systems safely and in a manner that does not increase risks or decrease the organization's trustworthiness",
      "GOVERN 2.1":
        "Roles and responsibilities and lines of communication related to mapping, measuring, and managing AI risks are documented and are clear to individuals and teams throughout the organization",
      "GOVERN 4.3": "Organizational practices are in place to enable AI testing, identification of incidents, and information sharing",
      "MAP 4.2":
        "Internal risk controls for components of the AI system, including third-party AI technologies, are identified and documented",
      "MEASURE 2.4":
        "The functionality and behavior of the AI system and its components – as identified in the MAP function – are monitored when in production",
      "MEASURE 2.7": "AI system security and resilience – as identified in the MAP function – are evaluated and documented",
      "MANAGE 1.3":
        "Responses to the AI risks deemed high priority, as identified by the MAP function, are developed, planned, and documented. Risk response options can include mitigating, transferring, avoiding, or accepting",
      "MANAGE 2.4":
        "Mechanisms are in place and applied, and responsibilities are assigned and understood, to supersede, disengage, or deactivate AI systems that demonstrate performance or outcomes inconsistent with intended use",
      "MANAGE 4.1":
        "Post-deployment AI system monitoring plans are implemented, including mechanisms for capturing and evaluating input from users and other relevant AI actors, appeal and override, decommissioning, incident response, recovery, and change management",
      "MANAGE 4.3":
        "Incidents and errors are communicated to relevant AI actors, including affected communities. Processes for tracking, responding to, and recovering from incidents and errors are followed and documented",
    },
  },
};
