// Reads a certificate's QR code with the camera and opens its page on this site. Pictures stay in the browser.

const dialog = document.getElementById("scanner");
const video = dialog.querySelector("video");
const message = dialog.querySelector("[role=status]");
const words = message.dataset;
const PERIOD = 150;

/** The browser's own reader of codes where it has one, else the vendored one. Gives a function: picture → texts. */
async function reader() {
  if (globalThis.BarcodeDetector && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return async (canvas) => (await detector.detect(canvas)).map((one) => one.rawValue);
  }
  if (!globalThis.ZXingWASM) await loaded(dialog.dataset.reader);
  const { prepareZXingModule, readBarcodes } = globalThis.ZXingWASM;
  await prepareZXingModule({ overrides: { locateFile: () => dialog.dataset.wasm }, fireImmediately: true });
  return async (canvas) => {
    const picture = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return (await readBarcodes(picture, { formats: ["QRCode"], maxNumberOfSymbols: 2 })).map((one) => one.text);
  };
}

function loaded(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

/** Give the certificate key in a code that names this site; nothing of any other code is followed. */
function keyOf(text) {
  const found = /^https?:\/\/([^/]+)\/C\/([A-Z2-7]{26})$/i.exec(text);
  const here = [dialog.dataset.host, location.host].map((one) => one.toLowerCase());
  return found && here.includes(found[1].toLowerCase()) ? found[2].toUpperCase() : null;
}

export async function scan() {
  let stream;
  const end = () => stream?.getTracks().forEach((track) => track.stop());
  message.textContent = words.starting;
  dialog.showModal();
  dialog.addEventListener("close", end, { once: true });
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 1280 } }, audio: false,
    });
  } catch (error) {
    message.textContent = error.name === "NotAllowedError" ? words.refused : words.absent;
    return;
  }
  video.srcObject = stream;
  let read;
  try {
    [read] = await Promise.all([reader(), video.play()]);
  } catch {
    end();
    message.textContent = words.broken;
    return;
  }
  message.textContent = words.looking;
  const canvas = document.createElement("canvas");
  while (dialog.open) {
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d", { willReadFrequently: true }).drawImage(video, 0, 0);
    const texts = await read(canvas);
    const key = texts.map(keyOf).find(Boolean);
    if (key) {
      message.textContent = words.found;
      end();
      location.assign(dialog.dataset.target + key);
      return;
    }
    if (texts.length) message.textContent = words.foreign;
    await new Promise((resolve) => setTimeout(resolve, PERIOD));
  }
}
