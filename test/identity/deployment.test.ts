import { expect, test } from "vitest";
import { buildGraph, type SourceFile } from "../../src/identity/graph.ts";
import { isInventoryPath } from "../../src/identity/inventory.ts";

const file = (path: string, text: string): SourceFile => ({ path, text });

/** All edges between what deployment files say, one line each. */
function edges(files: SourceFile[]): string[] {
  const graph = buildGraph({ scope: "h/o/r", files, findings: [], storeMatches: [] });
  return graph.edges.map(({ from, relation, to, grade }) => `${from} ${relation} ${to} ${grade}`);
}

const deployment = (spec: string, name = "bot") =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: ${name}, namespace: ai }\nspec:\n  template:\n    spec:\n${spec}`;

test("a Kubernetes secret that is given whole leads through an ExternalSecret of another file to its entry", () => {
  const files = [
    file(
      "deploy/app.yaml",
      deployment(
        "      containers:\n        - name: c\n          envFrom:\n            - secretRef: { name: bot-env }\n            - configMapRef: { name: bot-config }\n      volumes:\n        - name: v\n          secret: { secretName: bot-files }\n",
      ),
    ),
    file(
      "deploy/secrets.yaml",
      "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: { name: bot-env, namespace: ai }\nspec:\n  secretStoreRef: { name: vault }\n  dataFrom:\n    - extract: { key: secret/ai/bot }\n",
    ),
  ];
  expect(edges(files)).toEqual([
    "store-entry:kubernetes/ai/bot-files# used_by workload:h/o/r#deploy/app.yaml#Deployment/bot strong",
    "store-entry:vault/secret/ai/bot# used_by workload:h/o/r#deploy/app.yaml#Deployment/bot strong",
  ]);
});

test("the ExternalSecret of another namespace, or one of two extracts, gives no entry", () => {
  const app = file("app.yaml", deployment("      containers:\n        - envFrom: [ { secretRef: { name: bot-env } } ]\n"));
  const other = (namespace: string, extracts: string) =>
    file(
      "secrets.yaml",
      `apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: { name: bot-env, namespace: ${namespace} }\nspec:\n  dataFrom: [ ${extracts} ]\n`,
    );
  const own = ["store-entry:kubernetes/ai/bot-env# used_by workload:h/o/r#app.yaml#Deployment/bot strong"];
  expect(edges([app, other("web", "{ extract: { key: a } }")])).toEqual(own);
  expect(edges([app, other("ai", "{ extract: { key: a } }, { extract: { key: b } }")])).toEqual(own);
});

test("a Helm template is read as far as it is plain, its values by the chart", () => {
  const env = (name: string) =>
    `            {{- if .Values.on }}\n            - name: A_KEY\n              valueFrom: { secretKeyRef: { name: ${name}, key: a } }\n            {{- end }}\n`;
  const template = (secret: string) =>
    deployment(`      containers:\n        - image: "{{ .Values.image }}"\n          env:\n${env(secret)}`);
  expect(edges([file("chart/templates/app.yaml", template("plain"))])).toEqual([
    "store-entry:kubernetes/ai/plain#a used_by workload:h/o/r#chart/templates/app.yaml#Deployment/bot strong",
    "variable:h/o/r#A_KEY stored_in store-entry:kubernetes/ai/plain#a strong",
    "variable:h/o/r#A_KEY used_by workload:h/o/r#chart/templates/app.yaml#Deployment/bot moderate",
  ]);
  expect(edges([file("chart/templates/app.yaml", template("'{{ .Values.secret }}'"))])).toEqual([
    "variable:h/o/r#A_KEY used_by workload:h/o/r#chart/templates/app.yaml#Deployment/bot moderate",
  ]);
  const values =
    "replicas: 2\nbot:\n  extraEnv:\n    - name: B_KEY\n      valueFrom: { secretKeyRef: { name: s, key: b } }\n    - { name: lower, value: x }\n  env: { C_KEY: x }\n";
  expect(edges([file("charts/bot/values-prod.yaml", values)])).toEqual([
    "store-entry:kubernetes/default/s#b used_by workload:h/o/r#charts/bot/values-prod.yaml#chart bot strong",
    "variable:h/o/r#B_KEY stored_in store-entry:kubernetes/default/s#b strong",
    "variable:h/o/r#B_KEY used_by workload:h/o/r#charts/bot/values-prod.yaml#chart bot moderate",
    "variable:h/o/r#C_KEY used_by workload:h/o/r#charts/bot/values-prod.yaml#chart bot moderate",
  ]);
});

test("jobs of GitLab CI and the entries of their secrets; templates and what GitLab sets itself are no jobs and no secrets", () => {
  const text = `stages: [ test ]
variables: { SHARED: x }
.base:
  script: [ "echo $HIDDEN_KEY" ]
eval:
  secrets:
    OPENAI_API_KEY: { vault: ai/eval/api_key@ops }
    B_KEY: { aws_secrets_manager: { secret_id: prod/b, field: key } }
  script:
    - run --key $DEPLOY_TOKEN --job $CI_JOB_TOKEN --in $FOLDER
`;
  expect(edges([file(".gitlab-ci.yml", text)])).toEqual([
    "store-entry:aws-secrets-manager/prod/b#key used_by ci-job:h/o/r#.gitlab-ci.yml#eval strong",
    "store-entry:vault/ops/ai/eval#api_key used_by ci-job:h/o/r#.gitlab-ci.yml#eval strong",
    "variable:h/o/r#B_KEY stored_in store-entry:aws-secrets-manager/prod/b#key strong",
    "variable:h/o/r#B_KEY used_by ci-job:h/o/r#.gitlab-ci.yml#eval moderate",
    "variable:h/o/r#DEPLOY_TOKEN used_by ci-job:h/o/r#.gitlab-ci.yml#eval moderate",
    "variable:h/o/r#OPENAI_API_KEY stored_in store-entry:vault/ops/ai/eval#api_key strong",
    "variable:h/o/r#OPENAI_API_KEY used_by ci-job:h/o/r#.gitlab-ci.yml#eval moderate",
  ]);
});

test("functions and containers of CloudFormation", () => {
  const text = `AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Bot:
    Type: AWS::Lambda::Function
    Properties:
      Environment:
        Variables:
          A_KEY: "{{resolve:secretsmanager:prod/bot:SecretString:api_key}}"
          STAGE: !Ref Stage
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: c
          Secrets:
            - { Name: B_KEY, ValueFrom: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/task-AbCdEf:key::" }
            - { Name: C_KEY, ValueFrom: !Ref Other }
`;
  expect(edges([file("template.yaml", text)])).toEqual([
    "store-entry:aws-secrets-manager/prod/bot#api_key used_by workload:h/o/r#template.yaml#Bot strong",
    "store-entry:aws-secrets-manager/prod/task#key used_by workload:h/o/r#template.yaml#Task strong",
    "variable:h/o/r#A_KEY stored_in store-entry:aws-secrets-manager/prod/bot#api_key strong",
    "variable:h/o/r#A_KEY used_by workload:h/o/r#template.yaml#Bot moderate",
    "variable:h/o/r#B_KEY stored_in store-entry:aws-secrets-manager/prod/task#key strong",
    "variable:h/o/r#B_KEY used_by workload:h/o/r#template.yaml#Task moderate",
    "variable:h/o/r#C_KEY used_by workload:h/o/r#template.yaml#Task moderate",
    "variable:h/o/r#STAGE used_by workload:h/o/r#template.yaml#Bot moderate",
  ]);
});

test("pods, service accounts and the cloud roles behind them", () => {
  const account = (path: string, annotation: string) =>
    file(path, `apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: bot\n  namespace: ai\n  annotations: { ${annotation} }\n`);
  const pod = file("app.yaml", deployment("      serviceAccountName: bot\n      containers: []\n"));
  const role = "arn:aws:iam::123456789012:role/bot";
  expect(edges([pod, account("sa.yaml", `eks.amazonaws.com/role-arn: "${role}"`)])).toEqual([
    `service-account:h/o/r#sa.yaml#ai/bot can_access cloud-role:${role} strong`,
    "workload:h/o/r#app.yaml#Deployment/bot can_access service-account:h/o/r#sa.yaml#ai/bot strong",
  ]);
  expect(edges([pod, account("sa.yaml", "iam.gke.io/gcp-service-account: bot@proj.iam.gserviceaccount.com")])[0]).toBe(
    "service-account:h/o/r#sa.yaml#ai/bot can_access service-account:bot@proj.iam.gserviceaccount.com strong",
  );
  // An account that two files define (an overlay for each cluster), and a role that only rendering would tell, bind nothing.
  expect(edges([pod, account("a.yaml", "x: y"), account("b.yaml", "x: y")])).toEqual([]);
  expect(edges([account("templates/sa.yaml", 'eks.amazonaws.com/role-arn: "{{ .Values.role }}"')])).toEqual([]);
});

test("a CI job assumes a role, a function and a Bedrock agent run with one", () => {
  const role = "arn:aws:iam::123456789012:role/ci";
  const workflow = `jobs:\n  deploy:\n    steps:\n      - uses: aws-actions/configure-aws-credentials@v4\n        with: { role-to-assume: "${role}" }\n  plan:\n    steps:\n      - uses: aws-actions/configure-aws-credentials@v4\n        with: { role-to-assume: "\${{ vars.ROLE }}" }\n`;
  expect(edges([file(".github/workflows/deploy.yml", workflow)])).toEqual([
    `ci-job:h/o/r#.github/workflows/deploy.yml#deploy can_access cloud-role:${role} strong`,
  ]);
  const template = `Resources:\n  BotRole: { Type: AWS::IAM::Role }\n  Bot:\n    Type: AWS::Lambda::Function\n    Properties: { Role: !GetAtt BotRole.Arn }\n  Helper:\n    Type: AWS::Bedrock::Agent\n    Properties: { AgentResourceRoleArn: "${role}" }\n  Other:\n    Type: AWS::Lambda::Function\n    Properties: { Role: !ImportValue BotRole }\n`;
  expect(edges([file("template.yaml", template)])).toEqual([
    `agent:h/o/r#template.yaml#Helper can_access cloud-role:${role} strong`,
    "workload:h/o/r#template.yaml#Bot can_access cloud-role:h/o/r#template.yaml#BotRole strong",
  ]);
});

test.each([
  ["infra/bot.template", true],
  ["template.json", true],
  ["cloudformation/bot.json", true],
  [".gitlab-ci.yml", true],
  ["chart/values.yaml", true],
  ["tsconfig.json", false],
  ["package-lock.json", false],
  ["data/rows.json", false],
])("whether the inventory reads %s: %s", (path, read) => {
  expect(isInventoryPath(path)).toBe(read);
});

test.each([
  ["templates/a.yaml", `apiVersion: v1\nkind: Pod\nname: ${"{{ ".repeat(300_000)}`],
  ["templates/b.yaml", `apiVersion: v1\nkind: Pod\n${" ".repeat(500)}\n${"{{ a }} b\n".repeat(40_000)}`],
  [".gitlab-ci.yml", `a:\n  script: ["${"$AAA".repeat(100_000)}"]\n`],
  ["template.json", `{"Resources":{"A":{"Type":"AWS::Lambda::Function","Properties":${"[".repeat(100_000)}`],
  [
    "values.yaml",
    `env: &a\n  A_KEY: x\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]\n`,
  ],
])("%s made to hurt is read to its end", (path, text) => {
  expect(edges([file(path, text)]).length).toBeLessThanOrEqual(1);
});
