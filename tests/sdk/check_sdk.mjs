// Reads a Vapi through the official JavaScript SDK and has TypeScript hold documents against the SDK's types.
//
//     npm install && node check_sdk.mjs http://127.0.0.1:8080 any-key
//
// The SDK does not look at what it receives, but its types say what it expects, and a literal is
// checked against them strictly: no wrong type, no unknown value, no field too many.
// Exit status: 0 if all is well, 1 if a document is not, or if a broken one passed.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { VapiClient, VapiError } from "@vapi-ai/server-sdk";

const PAGE = 100;
const SAMPLE = 60;
// Two that are newer than this SDK but declared by the Python one, and one whose type here
// contradicts its own default (an object, by default the text "pcm_s16le").
const PASSED_OVER = new Set(["confidence", "confidenceSource", "audioFormat"]);

/** Every document, page by page: bounded by the oldest one seen, until a page has nothing new. */
async function all(resource) {
  const documents = new Map();
  for (let bound = {}; ; ) {
    const page = await resource.list({ limit: PAGE, ...bound });
    const fresh = page.filter((row) => !documents.has(row.id));
    if (fresh.length === 0) return [...documents.values()];
    for (const row of fresh) documents.set(row.id, row);
    bound = { createdAtLe: page.map((row) => row.createdAt).sort()[0] };
  }
}

/** What TypeScript has to say about documents of one type, as texts. */
function complaints(type, documents) {
  const here = dirname(fileURLToPath(import.meta.url));
  const folder = mkdtempSync(join(here, ".types-"));
  try {
    const file = join(folder, "documents.ts");
    const lines = documents.map(
      (document, n) => `export const d${n}: Vapi.${type} = ${JSON.stringify(document, (key, value) => (PASSED_OVER.has(key) ? undefined : value))};`,
    );
    writeFileSync(file, ['import type { Vapi } from "@vapi-ai/server-sdk";', ...lines].join("\n"));
    const program = ts.createProgram([file], {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: [],
    });
    return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
      const line = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? 0;
      const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, " ");
      return `${documents[line - 1]?.id ?? "?"} ${text.slice(0, 300)}`;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Spread evenly over all documents, so that every sort of them is met. */
function sample(documents, count) {
  const step = Math.max(1, Math.floor(documents.length / count));
  return documents.filter((_, n) => n % step === 0).slice(0, count);
}

const [baseUrl, token] = process.argv.slice(2);
if (!token) {
  console.error("usage: node check_sdk.mjs BASE_URL KEY");
  process.exit(2);
}
const client = new VapiClient({ baseUrl, token, timeoutInSeconds: 60 });
const [calls, assistants] = [await all(client.calls), await all(client.assistants)];
// Live payloads with fields that no schema declares; the Python check knows them one by one.
const declared = calls.filter((call) => !("phoneCallProviderDetails" in call));
const talks = declared.filter((call) => (call.messages ?? []).length > 4);
const chosen = [...sample(declared, SAMPLE), ...sample(talks, SAMPLE)];

let bad = 0;
for (const [type, documents] of [["Call", chosen], ["Assistant", assistants]]) {
  const found = complaints(type, documents);
  for (const text of found.slice(0, 20)) console.log(`FAIL ${type} ${text}`);
  console.log(`${type}: ${documents.length} documents held against the SDK's types, ${found.length} problems`);
  bad += found.length + (documents.length === 0);
}

const single = await client.calls.get({ id: talks[0].id });
bad += single.id !== talks[0].id;
try {
  await client.calls.get({ id: "00000000-0000-4000-8000-000000000000" });
  bad += 1;
  console.log("FAIL an unknown id was found");
} catch (error) {
  if (!(error instanceof VapiError && error.statusCode === 404)) throw error;
}

// Breaks that TypeScript must notice, or this checks nothing.
const breaks = {
  "status unknown": { ...talks[0], status: "exploded" },
  "cost is a text": { ...talks[0], cost: "0.15" },
  "a field too many": { ...talks[0], surprise: 1 },
  "orgId missing": { ...talks[0], orgId: undefined },
};
for (const [name, document] of Object.entries(breaks)) {
  if (complaints("Call", [document]).length === 0) {
    bad += 1;
    console.log(`FAIL control: ${name}, and nothing was found`);
  }
}
console.log(`${calls.length} calls and ${assistants.length} assistants listed, ${Object.keys(breaks).length} broken ones noticed`);
process.exit(bad ? 1 : 0);
