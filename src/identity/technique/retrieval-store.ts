import { isPlainName } from "../../agent-config/slot/mask.ts";
import { type Call, isCallable, readCalls, type SourceCode } from "../code/calls.ts";
import { textIn, variableIn } from "../code/expression.ts";
import { edgesOf, hostOf, joined, localIdentity, nativeIdentity, type Where } from "../edge.ts";
import { type Contribution, type SourceFile, type Technique, type View, variableNode } from "../model.ts";
import { programOf } from "../program.ts";
import { clientsIn } from "./code-client.ts";

const method = "retrieval-store";
const edge = edgesOf(method);

/**
 * What agents retrieve from: vector indexes, buckets, and the databases of programs that ask a model. A store with an address or a name
 * that the world knows is that one; any other is told apart by the program that names it.
 */
export const retrievalStore: Technique = {
  method,
  find(view) {
    const uses = view.files.flatMap((file) => storesIn(file).map((use) => ({ ...use, program: programOf(file.path, view) })));
    const databases = uses.filter(({ kind }) => kind === "database");
    const asking =
      databases.length === 0
        ? new Set<string>()
        : new Set(view.files.filter((file) => clientsIn(file, view).length > 0).map(({ path }) => programOf(path, view).id));
    return joined(
      uses.filter(({ kind, program }) => kind !== "database" || asking.has(program.id)).map((use) => ofUse(use, use.program, view)),
    );
  },
};

interface StoreUse {
  readonly kind: "index" | "bucket" | "database";
  /** "Pinecone index". */
  readonly title: string;
  /** A host or an ARN. */
  readonly native?: string;
  /** Where there is none: `pinecone/docs`. */
  readonly name: string;
  /** The variable whose value opens it. */
  readonly variable?: string;
  readonly where: Where;
}

interface StoreVendor {
  readonly kind: StoreUse["kind"];
  readonly id: string;
  readonly title: string;
  readonly callees: readonly string[];
  readonly keys: readonly string[];
  readonly addresses: readonly string[];
  /** Arguments that name the index. */
  readonly names?: readonly string[];
  /** The address or the key is the first argument. */
  readonly first?: "address";
  /** What the SDK reads where no key is given. */
  readonly variable?: string;
}

const vendors: readonly StoreVendor[] = [
  {
    kind: "index",
    id: "pinecone",
    title: "Pinecone index",
    callees: ["@pinecone-database/pinecone#Pinecone", "pinecone#Pinecone", "langchain_pinecone#PineconeVectorStore"],
    keys: ["apiKey", "api_key", "pinecone_api_key"],
    addresses: ["host"],
    names: ["index_name", "indexName"],
    variable: "PINECONE_API_KEY",
  },
  {
    kind: "index",
    id: "qdrant",
    title: "Qdrant",
    callees: ["@qdrant/js-client-rest#QdrantClient", "qdrant_client#QdrantClient", "qdrant_client#AsyncQdrantClient"],
    keys: ["apiKey", "api_key"],
    addresses: ["url", "host"],
    names: ["collection_name"],
  },
  {
    kind: "index",
    id: "weaviate",
    title: "Weaviate",
    callees: ["weaviate-client#default.connectToWeaviateCloud", "weaviate#connect_to_weaviate_cloud", "weaviate#connect_to_wcs"],
    keys: ["authCredentials", "auth_credentials"],
    addresses: ["cluster_url"],
    first: "address",
  },
  {
    kind: "index",
    id: "milvus",
    title: "Milvus",
    callees: ["pymilvus#MilvusClient", "@zilliz/milvus2-sdk-node#MilvusClient"],
    keys: ["token"],
    addresses: ["uri", "address"],
  },
  {
    kind: "index",
    id: "chroma",
    title: "Chroma",
    callees: ["chromadb#HttpClient", "chromadb#CloudClient", "chromadb#ChromaClient"],
    keys: ["api_key", "apiKey"],
    addresses: ["host", "path"],
  },
  {
    kind: "index",
    id: "pgvector",
    title: "pgvector collection",
    callees: [
      "langchain_postgres#PGVector",
      "langchain_community.vectorstores#PGVector",
      "@langchain/community/vectorstores/pgvector#PGVectorStore.initialize",
    ],
    keys: ["connection", "connection_string"],
    addresses: [],
    names: ["collection_name", "tableName"],
  },
  {
    kind: "index",
    id: "elasticsearch",
    title: "Elasticsearch",
    callees: ["elasticsearch#Elasticsearch", "@elastic/elasticsearch#Client", "opensearchpy#OpenSearch"],
    keys: ["api_key", "apiKey", "auth"],
    addresses: ["node", "hosts", "cloud_id"],
    first: "address",
  },
  {
    kind: "database",
    id: "postgresql",
    title: "PostgreSQL",
    callees: [
      ...[
        "pg#Pool",
        "pg#Client",
        "pg#default.Pool",
        "postgres#default",
        "psycopg#connect",
        "psycopg2#connect",
        "asyncpg#connect",
        "asyncpg#create_pool",
      ],
      ...[
        "psycopg_pool#ConnectionPool",
        "sqlalchemy#create_engine",
        "sqlalchemy.ext.asyncio#create_async_engine",
        "github.com/jackc/pgx#Connect",
      ],
    ],
    keys: ["connectionString", "dsn", "conninfo"],
    addresses: [],
    first: "address",
  },
  {
    kind: "database",
    id: "mongodb",
    title: "MongoDB",
    callees: ["mongodb#MongoClient", "pymongo#MongoClient", "motor.motor_asyncio#AsyncIOMotorClient"],
    keys: ["host"],
    addresses: [],
    first: "address",
  },
];

const byCallee = new Map(vendors.flatMap((vendor) => vendor.callees.map((callee) => [callee, vendor] as const)));
const anyStore =
  /pinecone|qdrant|weaviate|milvus|chroma|pgvector|PGVector|elastic|opensearch|["']pg["']|postgres|psycopg|asyncpg|sqlalchemy|mongo|s3|@google-cloud\/storage|google\.cloud/;

function storesIn({ path, text }: SourceFile): StoreUse[] {
  if (!isCallable(path) || text.length > 1 << 20 || !anyStore.test(text)) return [];
  const source = readCalls(path, text);
  return source.calls
    .flatMap((call): StoreUse[] => {
      const bucket = bucketOf(call, source, path);
      if (bucket !== undefined) return [bucket];
      const vendor = byCallee.get(call.callee);
      return vendor === undefined ? [] : [ofCall(call, vendor, source, path)];
    })
    .concat(buckets(source, path));
}

function ofCall(call: Call, vendor: StoreVendor, source: SourceCode, path: string): StoreUse {
  const first = vendor.first === undefined ? undefined : call.positional[0];
  const given = vendor.keys.flatMap((name) => call.named.get(name) ?? [])[0] ?? first;
  const variable = given === undefined ? vendor.variable : variableIn(given, source);
  const address = vendor.addresses.flatMap((name) => call.named.get(name) ?? [])[0] ?? first;
  const literal = address === undefined ? undefined : textIn(address, source);
  const native = literal === undefined ? undefined : hostOf(literal);
  const index = vendor.names?.flatMap((name) => call.named.get(name) ?? [])[0];
  const named = index === undefined ? indexIn(vendor, source) : textIn(index, source);
  const own = named ?? (vendor.kind === "database" ? variable : undefined);
  return {
    kind: vendor.kind,
    title: vendor.title,
    name: own === undefined ? vendor.id : `${vendor.id}/${own}`,
    where: { path, line: call.line },
    ...(native === undefined || native === "localhost" || native.startsWith("localhost:") ? {} : { native }),
    ...(variable === undefined ? {} : { variable }),
  };
}

/** `pinecone.index("docs")`: where the file names exactly one. */
function indexIn({ id }: StoreVendor, { code }: SourceCode): string | undefined {
  if (id !== "pinecone") return undefined;
  const names = new Set([...code.matchAll(/\.[iI]ndex(?:<[\w ]{1,80}>)?\(\s*["']([\w.-]{1,100})["']/g)].map(([, name = ""]) => name));
  return names.size === 1 ? [...names][0] : undefined;
}

/** `new GetObjectCommand({ Bucket: "docs" })` */
function bucketOf({ callee, named, line }: Call, source: SourceCode, path: string): StoreUse | undefined {
  if (!callee.startsWith("@aws-sdk/client-s3#") || !callee.endsWith("Command")) return undefined;
  const name = textIn(named.get("Bucket") ?? "", source);
  return name === undefined ? undefined : s3(name, { path, line });
}

/** `s3.get_object(Bucket="docs")`, `s3.Bucket("docs")`, `storage.bucket("docs")`: methods of clients, in files that import the SDK. */
function buckets(source: SourceCode, path: string): StoreUse[] {
  const { code, lineOf } = source;
  const aws = /\bimport boto3\b|\bfrom boto3\b/.test(code)
    ? [...code.matchAll(/\bBucket\s*(?:=|\()\s*["']([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])["']/g)]
    : [];
  const google = /@google-cloud\/storage|google\.cloud(?:\.| import )storage/.test(code)
    ? [...code.matchAll(/\.(?:bucket|get_bucket)\(\s*["']([a-z0-9][\w.-]{1,200})["']/g)]
    : [];
  return [
    ...aws.map((match) => s3(match[1] ?? "", { path, line: lineOf(match.index) })),
    ...google.map((match): StoreUse => {
      const native = `gs://${match[1] ?? ""}`;
      return { kind: "bucket", title: "bucket", native, name: native, where: { path, line: lineOf(match.index) } };
    }),
  ];
}

function s3(name: string, where: Where): StoreUse {
  const native = `arn:aws:s3:::${name}`;
  return { kind: "bucket", title: "bucket", native, name: native, where };
}

function ofUse({ title, native, name, variable, where }: StoreUse, program: ReturnType<typeof programOf>, { scope }: View): Contribution {
  if (!isPlainName(native ?? name)) return {};
  const manifest = { path: program.locations[0]?.path ?? where.path, line: 1 };
  const store =
    native === undefined
      ? { ...localIdentity("retrieval-store", name, scope, manifest), locations: [{ path: where.path, startLine: where.line }] }
      : nativeIdentity("retrieval-store", native, where);
  const user = `${program.kind} ${program.name}`;
  const key = variable === undefined || !isPlainName(variable) ? undefined : variableNode(scope, variable);
  return {
    identities: [program, store],
    nodes: key === undefined ? [] : [key],
    edges: [
      edge(program.id, "can_access", store.id, "strong", `${user} makes a client of the ${title} ${store.name}.`, where),
      ...(key === undefined
        ? []
        : [edge(key.id, "used_by", program.id, "strong", `${user} opens the ${title} ${store.name} with ${key.name}.`, where)]),
    ],
  };
}
