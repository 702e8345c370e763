import { readFile } from 'node:fs/promises'
import { error } from '../errors.ts'
import { version } from '../version.ts'
import type { Figure } from './figure.ts'
import { Html, html, scriptJson } from './html.ts'
import type { Section } from './section.ts'

/** What a page is made of. */
export interface Page {
  title: string
  /** Said on top, before any figure: what kind of models these are. */
  labels: { title: string; text: string }[]
  sections: Section[]
}

const question =
  'What does reinforcement learning change in a vision-language model, at which depth, and is that change what makes the difference?'

/** The page as one HTML file that fetches nothing. */
export async function renderPage({ title, labels, sections }: Page): Promise<string> {
  const [script, style] = await Promise.all([asset('client.js'), asset('style.css')])
  const found = sections.filter(({ findings }) => findings.length > 0)
  const figures = sections.flatMap((section) => section.figures)
  // Nothing may be fetched, whatever a record holds. Vega compiles its expressions, which is the `unsafe-eval`.
  const policy =
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; base-uri 'none'; form-action 'none'"
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="generator" content="frankentorch ${version}">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body>
<a class="skip" href="#report">Skip to the report</a>
<header class="page">
<h1>${title}</h1>
<p class="soft">A Frankenstein analysis in the sense of arXiv 2602.12395, made with frankentorch ${version}.</p>
${labels.length > 0 && html`<div class="label">${labels.map((label) => html`<p><strong>${label.title}</strong> ${label.text}</p>`)}</div>`}
<div class="answer" id="answer">
<p class="question">${question}</p>
${found.length > 0 ? html`<dl>${found.map(({ id, name, findings }) => html`<dt><a href="#${id}">${name}</a></dt><dd>${findings.map((text) => html`<p>${text}</p>`)}</dd>`)}</dl>` : html`<p>These runs alone do not answer it; what they measured is below.</p>`}
<p class="caption">The sentences are made from the figures below and say no more than they do. Intervals are 95 % bootstrap intervals over the questions asked; they do not cover other seeds, data or training runs.</p>
</div>
</header>
<nav aria-label="Sections"><div class="inner">${sections.map(({ id, name }) => html`<a href="#${id}">${name}</a>`)}<button type="button" data-theme-choice aria-label="Switch between light and dark">◐</button></div></nav>
<main id="report">
${sections.map(sectionHtml)}
</main>
<footer>frankentorch ${version}. All scripts and data are inside this file; it needs no network. <noscript>The figures need JavaScript.</noscript></footer>
<div id="tooltip" role="status" aria-live="polite" hidden></div>
<script type="application/json" id="figures">${scriptJson(figures)}</script>
<script>${new Html(script.replaceAll('</script', '<\\/script'))}</script>
</body>
</html>
`
  return page.text
}

function sectionHtml({ id, title, intro, figures, parts }: Section): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
<p class="soft">${intro}</p>
${figures.map(figureHtml)}
${parts}
</section>
`
}

function figureHtml({ id, title, caption, exchangeable, seriesTitle, panelTitle, panels, series }: Figure): Html {
  const exchange = exchangeable && panels.length > 0 && series.length > 1
  return html`<div class="figure" id="${id}">
<h3>${title}</h3>
<p class="caption">${caption}</p>
<div class="toggles" role="group"></div>
<div class="panels"></div>
<div class="tools">
${exchange && html`<button type="button" class="exchange">Exchange panels and lines (${panelTitle.toLowerCase()}, ${seriesTitle.toLowerCase()})</button>`}
<button type="button" class="save-svg">SVG</button><button type="button" class="save-png">PNG</button><button type="button" class="save-csv">CSV</button>
<details class="data"><summary>Values</summary></details>
</div>
</div>
`
}

// Written by scripts/bundle-page.mjs; this file lies two folders deep in src/ as in dist/.
async function asset(name: string): Promise<string> {
  const file = new URL(`../../dist/report/page/${name}`, import.meta.url)
  return readFile(file, 'utf8').catch((cause) => {
    throw error('ERR_OUTPUT', `The page's ${name} is not there; npm run compile makes it`, { cause })
  })
}
