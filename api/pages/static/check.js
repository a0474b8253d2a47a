// Checks a certificate file inside the browser: digests, signature, path. No library, nothing is sent.
// 1. Find the bundle: the file itself, or an embedded file of a PDF.
// 2. Bundle: canonical JSON of exactly credential, anchor and key.
// 3. Credential: header, payload and disclosures are strict JSON; each disclosure is digested once, where it belongs.
// 4. The key's thumbprint is the credential's kid, and its ES256 signature is good over the bytes as received.
// 5. The receipt says what the credential says, and its path (RFC 9162) leads from it to the receipt's root.
// 6. Of a holder's copy: its statement is signed by the key beside it, about this very presentation. Whose key that is,
//    the site has to say.
// Whether the chain holds that root, and how the certificate stands today, only the chain's records can tell.

const HALF_ORDER = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n;
const MOST = 64 * 1024;
const HIDDEN = ["name", "nameLatin", "identityType", "nationalIdentityNumber", "nationalIdentityNumberMasked", "grade",
  "portrait"];
const RECEIPT = ["batch", "blockHash", "blockNumber", "blockTime", "contract", "digest", "genesis", "inclusionProof",
  "index", "issuer", "licenseNumber", "merkleRoot", "revision", "suite", "transaction", "treeSize", "type", "version"];

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encode = (text) => new TextEncoder().encode(text);
const sha256 = async (data) => new Uint8Array(await crypto.subtle.digest("SHA-256", data));
const hash = async (...parts) => sha256(new Uint8Array(parts.flatMap((part) => [...part])));
const base64url = (data) =>
  btoa(String.fromCharCode(...data)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

/** Say that the file is ours and changed: which check, and the member that it is about. */
class Altered extends Error {
  constructor(check, member) {
    super(check);
    Object.assign(this, { check, member });
  }
}

/** Say that the site has to look: `encrypted`, `several`, `copy`, `receipt`, `foreign`. */
class Unreadable extends Error {}

function require(condition, check, member) {
  if (!condition) throw new Altered(check, member);
}

function decode(text, check) {
  try {
    const data = Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
    // One spelling only: other text of the same bytes would be another certificate's digest.
    if (base64url(data) === text) return data;
  } catch { /* not base64 */ }
  throw new Altered(check);
}

/** Read JSON that is written the one way we write it: no spaces, no member twice. */
function strict(text, check) {
  try {
    const json = utf8.decode(decode(text, check));
    const value = JSON.parse(json);
    if (JSON.stringify(value) === json) return value;
  } catch { /* not JSON, or not UTF-8 */ }
  throw new Altered(check);
}

/** RFC 8785, for the strings and whole numbers that our files hold. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)}}`;
}

const names = (value) => Object.keys(value ?? {}).sort().join();

// 1
async function found(data) {
  if (data[0] === 0x7b) return data;
  const file = new TextDecoder("latin1").decode(data); // one character a byte
  if (!file.startsWith("%PDF-")) throw new Unreadable("foreign");
  if (/\/Encrypt[\s<]/.test(file)) throw new Unreadable("encrypted");
  const bundles = new Map();
  const credentials = [];
  for (const { index } of file.matchAll(/\/EmbeddedFile(?![A-Za-z])/g)) {
    const begin = file.indexOf("stream", index);
    const dictionary = file.slice(file.lastIndexOf(" obj", index), begin);
    const start = begin + (file[begin + 6] === "\r" ? 8 : 7);
    const size = length(dictionary, file);
    if (begin < 0 || !size) continue;
    const stream = data.subarray(start, start + size);
    const content = dictionary.includes("/FlateDecode") ? await inflated(stream) : stream;
    const text = content ? new TextDecoder("latin1").decode(content) : "";
    if (text.startsWith("{")) bundles.set(text, content);
    if (text.startsWith("eyJ")) credentials.push(text);
  }
  if (bundles.size > 1) throw new Unreadable("several");
  for (const [text, content] of bundles) {
    // The same certificate must lie in both of our attachments.
    require(credentials.every((one) => text.includes(`"credential":"${one}"`)), "attachments");
    return content;
  }
  throw new Unreadable("foreign");
}

function length(dictionary, file) {
  const [, number, generation] = /\/Length\s+(\d+)(?:\s+(\d+)\s+R)?/.exec(dictionary) ?? [];
  if (generation === undefined) return Number(number ?? 0);
  return Number(new RegExp(`(?:^|[\\r\\n])${number}\\s+${generation}\\s+obj\\s+(\\d+)`).exec(file)?.[1] ?? 0);
}

/** Inflate a stream that is small enough to be ours; null for any other. */
async function inflated(stream) {
  const reader = new Blob([stream]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const parts = [];
  let size = 0;
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      size += read.value.length;
      if (size > MOST) {
        await reader.cancel();
        return null;
      }
      parts.push(read.value);
    }
  } catch {
    return null;
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

// 2
function opened(data) {
  let bundle;
  let text;
  try {
    text = utf8.decode(data);
    bundle = JSON.parse(text);
  } catch {
    throw new Unreadable("foreign");
  }
  if (typeof bundle?.statement === "string" && bundle.key) throw new Unreadable("receipt");
  const { copy } = bundle?.bundle ? bundle : {};
  const inner = copy ? bundle.bundle : bundle;
  if (typeof inner?.credential !== "string" || !inner.anchor) throw new Unreadable("foreign");
  require(names(inner) === "anchor,credential,key" && (!copy || names(bundle) === "bundle,copy"), "members");
  require(canonical(bundle) === text, "not-canonical");
  return { ...inner, copy };
}

// 3
async function disclosed(payload, disclosures) {
  const hidden = new Set(payload._sd);
  const places = new Map((payload.result ?? []).map((one, place) => [one["..."], place]));
  const content = { ...payload, result: [] };
  const results = [];
  const digests = await Promise.all(disclosures.map(async (one) => base64url(await sha256(encode(one)))));
  require(new Set(digests).size === digests.length, "disclosure-repeated");
  disclosures.forEach((text, number) => {
    const value = strict(text, "disclosure-malformed");
    const digest = digests[number];
    if (value.length === 3) {
      const name = value[1];
      require(hidden.has(digest), "undigested-disclosure", name);
      require(HIDDEN.includes(name) && !Object.hasOwn(content, name), "disclosure-name", name);
      content[name] = value[2];
    } else {
      require(value.length === 2 && places.has(digest), "undigested-disclosure", "result");
      results[places.get(digest)] = value[1];
    }
  });
  content.result = results.filter(Boolean);
  return content;
}

// 4
async function signed(jwt, header, typ, key) {
  const [head, body, signature] = jwt.split(".");
  require(names(header) === "alg,kid,typ" && header.alg === "ES256" && header.typ === typ, "header");
  require(names(key) === "crv,kty,x,y" && key.crv === "P-256" && key.kty === "EC", "key");
  require(base64url(await sha256(encode(canonical(key)))) === header.kid, "key");
  const raw = decode(signature, "signature");
  require(raw.length === 64, "signature");
  const s = BigInt(`0x${[...raw.subarray(32)].map((one) => one.toString(16).padStart(2, "0")).join("")}`);
  require(s <= HALF_ORDER, "signature");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  let good = false;
  try {
    const imported = await crypto.subtle.importKey("jwk", key, algorithm, false, ["verify"]);
    good = await crypto.subtle.verify(algorithm, imported, raw, encode(`${head}.${body}`));
  } catch { /* a point that is not on the curve */ }
  require(good, "signature");
}

// 6
async function stamped(copy, credential, payload, digest) {
  require(names(copy) === "key,statement" && typeof copy.statement === "string", "copy");
  const parts = copy.statement.split(".");
  require(parts.length === 3, "copy");
  await signed(copy.statement, strict(parts[0], "copy"), "holder-copy+jwt", copy.key);
  const said = strict(parts[1], "copy");
  const presentation = base64url(await sha256(encode(credential)));
  require(said.iss === payload.iss && said.digest === base64url(digest) && said.presentation === presentation, "copy");
}

// 5
async function recorded(digest, payload, receipt) {
  require(names(receipt) === RECEIPT.join(), "receipt-members");
  const said = {
    type: "AnchorReceipt", version: 1, suite: 1, licenseNumber: payload.licenseNumber, revision: payload.revision,
    digest: base64url(digest), issuer: payload.iss.split("/issuers/")[1], ...payload.anchor,
  };
  for (const [name, value] of Object.entries(said)) require(receipt[name] === value, "receipt-disagrees", name);
  // The leaf's second byte is the suite: SHA-256 over the signed text.
  let node = await hash([0, 1], digest);
  let place = receipt.index;
  let last = receipt.treeSize - 1;
  require(Number.isSafeInteger(last) && place >= 0 && place <= last && receipt.inclusionProof.length < 25, "receipt-proof");
  for (const step of receipt.inclusionProof) {
    require(last > 0, "receipt-proof");
    const sibling = decode(step, "receipt-proof");
    if (place % 2 || place === last) {
      node = await hash([1], sibling, node);
      while (place % 2 === 0 && place) [place, last] = [place >> 1, last >> 1];
    } else {
      node = await hash([1], node, sibling);
    }
    [place, last] = [place >> 1, last >> 1];
  }
  require(last === 0 && base64url(node) === receipt.merkleRoot, "receipt-proof");
}

function claim(header, payload, receipt) {
  const { iss, nbf, exp, revision, anchor, achievement, level } = payload;
  const { merkleRoot, treeSize, transaction, blockNumber, blockHash, blockTime } = receipt;
  return {
    iss, kid: header.kid, ...anchor, scope: `${achievement.humanCode}/${level?.targetCode ?? "-"}`, revision, nbf,
    ...(exp === undefined ? {} : { exp }),
    ...(payload.replaces === undefined ? {} : { replaces: true }),
    anchor: { merkleRoot, treeSize, transaction, blockNumber, blockHash, blockTime },
  };
}

/**
 * Check the bytes of a file.
 * Gives `{answer: "passed", content, claim}`, where `claim` is what the chain's records are asked by;
 * `{answer: "altered", check, member?}`; or `{answer: "unreadable", why}` where there is nothing of ours.
 */
export async function check(data) {
  try {
    const bundle = opened(await found(data));
    const [jwt, ...rest] = bundle.credential.split("~");
    require(rest.pop() === "", "key-binding");
    const [head, body] = jwt.split(".");
    const header = strict(head, "header");
    const payload = strict(body, "payload");
    require(typeof payload.iss === "string" && typeof payload.anchor === "object", "payload");
    const content = await disclosed(payload, rest);
    await signed(jwt, header, "dc+sd-jwt", bundle.key);
    require(payload.vct === `${payload.iss.split("/issuers/")[0]}/vct/occupational-skill-certificate/1`, "member", "vct");
    const digest = await sha256(encode(jwt));
    await recorded(digest, payload, bundle.anchor);
    if (bundle.copy) {
      await stamped(bundle.copy, bundle.credential, payload, digest);
      throw new Unreadable("copy");
    }
    return { answer: "passed", content, claim: claim(header, payload, bundle.anchor) };
  } catch (error) {
    if (error instanceof Altered) return { answer: "altered", check: error.check, member: error.member };
    if (error instanceof Unreadable) return { answer: "unreadable", why: error.message };
    // A type that is not what our files have there.
    if (error instanceof TypeError) return { answer: "altered", check: "members" };
    throw error;
  }
}
