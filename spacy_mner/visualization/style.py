"""The report's look. One column that reads well on a screen, on a phone and on paper."""

CSS = """
:root { --ink: #1f2933; --soft: #5f6c7b; --line: #dfe4ea; --paper: #ffffff; --wash: #f5f7f9; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--wash); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial,
    sans-serif; }
main { max-width: 1060px; margin: 32px auto; padding: 40px 56px 48px; background: var(--paper);
  border: 1px solid var(--line); border-radius: 8px; }
h1 { margin: 0 0 4px; font-size: 28px; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 44px 0 8px; font-size: 19px; }
p { margin: 8px 0; max-width: 68ch; }
.about, .note { color: var(--soft); font-size: 14px; }
.lede { font-size: 18px; margin: 18px 0 22px; }
.cards { display: flex; flex-wrap: wrap; gap: 14px; margin: 0 0 8px; }
.card { flex: 1 1 180px; padding: 14px 18px; background: var(--wash); border-radius: 6px;
  border-top: 4px solid var(--color); }
.card .name { font-size: 14px; color: var(--soft); }
.card .figure { font-size: 34px; font-weight: 650; line-height: 1.2;
  font-variant-numeric: tabular-nums; }
.card .figure small { font-size: 16px; font-weight: 400; color: var(--soft); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; margin: 12px 0; font-size: 15px;
  font-variant-numeric: tabular-nums; }
th, td { padding: 7px 8px; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { font-weight: 600; font-size: 13px; color: var(--soft); vertical-align: bottom; }
thead tr:last-child th { border-bottom: 2px solid var(--soft); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th.span { text-align: center; border-bottom: 1px solid var(--line); }
td:last-child, th:last-child { padding-right: 0; }
tbody th { font-size: 15px; color: var(--ink); }
td.main { font-weight: 650; }
.stack small { display: block; line-height: 1; }
td small { font-weight: 400; font-size: 12px; color: var(--soft); }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 8px; }
.legend { margin: 10px 0 0; font-size: 14px; color: var(--soft); }
.legend span.item { margin-right: 20px; white-space: nowrap; }
.chart { width: 100%; height: auto; display: block; margin: 4px 0 0; }
.chart text { font-family: inherit; fill: var(--ink); }
.chart .axis { font-size: 12px; fill: var(--soft); text-anchor: end; }
.chart .group { font-size: 13px; text-anchor: middle; }
.chart .value { text-anchor: middle; }
.chart .grid { stroke: var(--line); stroke-width: 1; }
.post { padding: 14px 0 12px; border-bottom: 1px solid var(--line); break-inside: avoid; }
.post p { margin: 0 0 6px; max-width: none; overflow-wrap: anywhere; }
.post dl { display: grid; grid-template-columns: 150px 1fr; gap: 3px 10px; margin: 0;
  font-size: 14px; }
.post dt { color: var(--soft); }
.post dd { margin: 0; overflow-wrap: anywhere; }
.post dd > span { display: inline-block; max-width: 100%; margin-right: 14px; }
.right { color: #1a6b3c; } .wrong, .missed { color: #a32020; } .none { color: var(--soft); }
.missed mark { outline: 1.5px dashed #a32020; background: none !important; }
mark { padding: 1px 4px; border-radius: 4px; box-decoration-break: clone;
  -webkit-box-decoration-break: clone; color: #1f2933; -webkit-print-color-adjust: exact;
  print-color-adjust: exact; }
mark b { font-size: 0.72em; letter-spacing: 0.03em; }
h3 { margin: 26px 0 4px; font-size: 15px; }
table.dense { font-size: 13px; } table.dense th, table.dense td { padding: 6px 7px; font-size: 13px; }
td.text, th.text { text-align: left; }
td.text { white-space: normal; min-width: 60px; }
tr.break td { border-top: 2px solid var(--line); }
td small { white-space: nowrap; }
figure { margin: 14px 0; } figure img { max-width: 100%; height: auto; display: block; }
figcaption { color: var(--soft); font-size: 14px; }
.contents { columns: 2; font-size: 14px; padding-left: 22px; margin: 14px 0 0; }
.contents a { color: #2f6f9f; text-decoration: none; }
.part { border-top: 1px solid var(--line); margin-top: 40px; }
.part > h2 { margin-top: 22px; }
.heat { margin: 18px 0; break-inside: avoid; }
.heat table { width: auto; margin: 4px 0; border-collapse: separate; border-spacing: 2px;
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.heat th, .heat td { padding: 5px 8px; text-align: center; border: 0; font-size: 13px; }
.heat th:first-child { text-align: right; color: var(--soft); }
.heat th { max-width: 130px; overflow: hidden; text-overflow: ellipsis; }
.heat td:last-child, .heat th:last-child { padding-right: 8px; }
.heat td.outside { color: var(--soft); } .heat td.tag { font-weight: 650; }
.heat td.wrong { color: #a32020; font-weight: 650; }
pre { padding: 12px 16px; background: var(--wash); border-radius: 6px; font-size: 13px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 700px) { main { margin: 0; padding: 24px 18px; border: 0; }
  .post dl { grid-template-columns: 1fr; } }
@media print { body { background: none; font-size: 12px; } main { border: 0; margin: 0; padding: 0;
  max-width: none; } h2, h3 { break-after: avoid; }
  @page { margin: 14mm 12mm; }
  .part { break-before: page; border: 0; } .contents + .part { break-before: auto; }
  figure { break-inside: avoid; } .scroll { overflow: visible; }
  table.dense th, table.dense td { padding: 4px 5px; font-size: 10px; }
  .dense td small { display: block; font-size: 8px; }
  .heat th, .heat td { padding: 2px 4px; font-size: 8px; } .heat th { max-width: 52px; }
  table, .chart, .cards { break-inside: avoid; }
  .card, .dot, pre { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
""".strip()
