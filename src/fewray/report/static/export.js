/* Figures as SVG and PNG, tables as CSV and LaTeX. */
const SVG_NAMESPACE = "http://www.w3.org/2000/svg";
const PNG_SCALE = 3;

function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 48);

/* Return "comparisons-1-forest-plot": section, number of the figure or table in it, label. */
function exportName(part, selector, label) {
  const home = part.closest("section, header");
  const number = [...home.querySelectorAll(selector)].indexOf(part) + 1;
  return [home.id || "first", number, slug(label)].filter(Boolean).join("-");
}

/* The figure alone, in light colours, without hidden parts. */
function svgText(figure) {
  const copy = figure.querySelector("svg").cloneNode(true);
  for (const part of copy.querySelectorAll(".is-hidden")) part.remove();
  copy.setAttribute("xmlns", SVG_NAMESPACE);
  copy.removeAttribute("aria-hidden");
  const style = document.createElementNS(SVG_NAMESPACE, "style");
  style.textContent = "text { font-family: sans-serif; }";
  copy.prepend(style);
  return new XMLSerializer().serializeToString(copy).replace(/var\(--[\w-]+,\s*(#[0-9a-f]{6})\)/gi, "$1");
}

async function pngBlob(figure) {
  const image = new Image();
  const address = URL.createObjectURL(new Blob([svgText(figure)], { type: "image/svg+xml" }));
  image.src = address;
  await image.decode();
  const box = figure.querySelector("svg").viewBox.baseVal;
  const canvas = document.createElement("canvas");
  canvas.width = box.width * PNG_SCALE;
  canvas.height = box.height * PNG_SCALE;
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(address);
  return new Promise((done) => { canvas.toBlob(done, "image/png"); });
}

/* Visible rows of a table as text. */
function cells(table) {
  return [...table.rows].filter((row) => !row.classList.contains("is-hidden")).map((row) =>
    [...row.cells].filter((cell) => !cell.classList.contains("is-hidden")).map((cell) => cell.textContent.trim()));
}

function csvText(table) {
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return cells(table).map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
}

function latexText(table) {
  const special = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "−": "$-$", "×": "$\\times$", "±": "$\\pm$", "<": "$<$", ">": "$>$" };
  const escaped = (text) => text.replace(/[\\~^−×±<>]|[&%$#_{}]/g, (found) => special[found] ?? `\\${found}`);
  const [head, ...body] = cells(table).map((row) => row.map(escaped).join(" & ") + " \\\\");
  const columns = cells(table)[0].map((_, index) => (index ? "r" : "l")).join("");
  const caption = table.caption ? `% ${table.caption.textContent.trim().replace(/\s+/g, " ")}\n` : "";
  return `${caption}\\begin{tabular}{${columns}}\n\\toprule\n${head}\n\\midrule\n${body.join("\n")}\n\\bottomrule\n\\end{tabular}\n`;
}

const FIGURES = "figure.drawing";
const TABLES = "table.data, table.dense";
const textBlob = (text, type) => new Blob([text], { type: `${type};charset=utf-8` });

/* All exports: a part of the page, its name, and by file ending how to make the file. */
function exports() {
  const figures = [...document.querySelectorAll(FIGURES)].map((part) => ({
    part,
    name: exportName(part, FIGURES, part.querySelector("[role=img]").ariaLabel ?? "figure"),
    files: { svg: () => textBlob(svgText(part), "image/svg+xml"), png: () => pngBlob(part) },
  }));
  const tables = [...document.querySelectorAll(TABLES)].map((part) => ({
    part: part.closest(".scroll") ?? part,
    name: exportName(part, TABLES, part.closest("[data-key]")?.dataset.key ?? "table"),
    files: { csv: () => textBlob(csvText(part), "text/csv"), tex: () => textBlob(latexText(part), "text/x-tex") },
  }));
  return [...figures, ...tables];
}

async function archive() {
  const files = [];
  for (const { part, name, files: kinds } of exports()) {
    if (part.closest(".is-hidden")) continue;
    for (const [ending, make] of Object.entries(kinds)) {
      files.push([`${name}.${ending}`, new Uint8Array(await (await make()).arrayBuffer())]);
    }
  }
  return zip(files);
}
