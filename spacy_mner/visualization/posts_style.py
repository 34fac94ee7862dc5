"""What the page of posts adds to the look of all pages."""

from .modality_bars import CSS as BARS_CSS

CSS = (
    """
.types { margin: 14px 0 6px; } .types .item { margin-right: 18px; white-space: nowrap; }
input[type=checkbox] { margin: 14px 6px 14px 0; vertical-align: middle; }
input + label { margin-right: 20px; font-size: 14px; vertical-align: middle; cursor: pointer; }
.posts { border-top: 1px solid var(--line); }
.posts .post { display: grid; grid-template-columns: 160px minmax(0, 1fr); gap: 0 24px;
  padding: 18px 0 16px; }
.posts .post > .meta, .posts .post > .wrong { grid-column: 1 / -1; }
#found:checked ~ .posts .empty, #bars:not(:checked) ~ .posts .bars { display: none; }
.posts.plain .post { grid-template-columns: minmax(0, 1fr); } .posts.plain .shots { display: none; }
.shots { display: flex; flex-direction: column; gap: 6px; align-items: flex-start; }
.shots img { max-width: 160px; max-height: 200px; width: auto; height: auto; border-radius: 4px;
  border: 1px solid var(--line); display: block; min-width: 16px; min-height: 16px; }
.shots.several { flex-flow: row wrap; } .shots.several img { max-width: 76px; max-height: 96px; }
.shots small { color: var(--soft); }
.lost { width: 160px; min-height: 72px; padding: 10px 12px; background: var(--wash);
  border: 1px dashed #b4bfca; border-radius: 4px; color: var(--soft); font-size: 12px;
  line-height: 1.4; overflow-wrap: anywhere; }
.lost b { display: block; color: var(--ink); }
.posts .meta, .posts .tags { color: var(--soft); font-size: 13px; line-height: 1.45; }
.posts .meta { margin: 0; } .posts .meta b { color: var(--ink); margin-right: 6px; }
.posts .tags { margin: 4px 0 0; }
.entities { overflow-wrap: anywhere; }
/* A pipeline for a language written from left to right may still meet posts that are not. */
.entities[style*="direction: ltr"] { unicode-bidi: plaintext; text-align: start; }
.score { font-size: 0.75em; margin-left: 0.4rem; vertical-align: middle; }
@media (max-width: 700px) { .posts .post { grid-template-columns: minmax(0, 1fr); gap: 8px 0; }
  .shots { flex-flow: row wrap; } .lost { width: 100%; min-height: 0; } }
@media print { input, input + label { display: none; }
  .posts .post { grid-template-columns: 120px minmax(0, 1fr); padding: 10px 0; }
  .shots img, .lost { max-width: 120px; } .entities { line-height: 2.2 !important; }
  .posts .meta, .posts .tags, .bars, .bars .legend { font-size: 10px; } .bars small { font-size: 9px; }
  .bars .token { min-width: 26px; } }
""".strip()
    + "\n"
    + BARS_CSS
)
