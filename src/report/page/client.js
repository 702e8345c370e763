// What the report's page does: draws its figures, and lets the reader toggle, read values and save. Bundled with vega and vega-lite into one
// script (scripts/bundle-page.mjs); nothing is fetched.
import * as vega from 'vega'
import { compile } from 'vega-lite'
import { dotsHeight, drawnSeries, exportSpec, namesOf, panelSpec } from '../figure-spec.ts'

const figures = JSON.parse(document.getElementById('figures').textContent)
const tooltip = document.getElementById('tooltip')

for (const figure of figures) show(figure)
enableTabs()

/** Draws one figure into its place. */
function show(figure) {
  const place = document.getElementById(figure.id)
  const state = { panelBy: 'panel', shown: new Set(figure.series.map(({ name }) => name)), views: [] }
  const toggles = place.querySelector('.toggles')
  const panels = place.querySelector('.panels')

  const other = () => (state.panelBy === 'panel' ? 'series' : 'panel')
  const drawing = () => ({ panelBy: state.panelBy, ink: '#333', faint: '#888', legend: false })

  function draw() {
    for (const { view } of state.views) view.finalize()
    panels.replaceChildren()
    const names = namesOf(figure, state.panelBy)
    const total = panels.clientWidth || 640
    const least = figure.mark === 'dots' ? 300 : 270
    const fitting = Math.max(1, Math.min(names.length, Math.floor((total + 20) / (least + 20)), 3))
    // four as two and two, not three and one
    const columns = names.length === 4 && fitting === 3 ? 2 : fitting
    panels.style.setProperty('--columns', columns)
    const width = Math.floor((total - 20 * (columns - 1)) / columns)
    const height =
      figure.mark === 'dots' ? dotsHeight(figure) + 44 : Math.round(Math.min(300, Math.max(190, width * 0.58)))
    state.views = names.map((name) => panel(name, { width, height }))
    update()
  }

  function panel(name, size) {
    const frame = element('figure', { class: 'panel' })
    if (namesOf(figure, state.panelBy).length > 1) frame.append(element('figcaption', {}, name))
    const chart = element('div', { class: 'chart', tabindex: '0', role: 'img' })
    chart.setAttribute('aria-label', `${figure.title}, ${name}: use the arrow keys to read values, or the table below`)
    frame.append(chart)
    panels.append(frame)
    const { spec } = compile(panelSpec(figure, name, size, drawing()))
    const view = new vega.View(vega.parse(spec), { renderer: 'svg', container: chart, hover: false })
    view.run()
    readValues(chart, view, name)
    return { view, name }
  }

  function update() {
    const shown = namesOf(figure, other()).filter((name) => state.shown.has(name))
    for (const { view } of state.views) view.signal('shown', shown).run()
  }

  // By pointer or arrow keys: one position of the axis at a time, with the values of all lines there.
  function readValues(chart, view, name) {
    const rows = figure.rows.filter((row) => row[state.panelBy] === name)
    const positions = [...new Set(rows.map((row) => row.x))]
    if (figure.mark !== 'dots') positions.sort((a, b) => a - b)
    const vertical = figure.mark === 'dots'
    const scale = view.scale(vertical ? 'y' : 'x')
    const pixel = (x) => scale(x) + (scale.bandwidth ? scale.bandwidth() / 2 : 0)
    let at = -1
    const move = (index) => {
      at = index
      const x = index < 0 ? null : positions[index]
      view.signal('at', x).run()
      if (x === null) return hideTooltip()
      const [left, top] = view.origin()
      const box = chart.getBoundingClientRect()
      const place = vertical
        ? { x: box.left + left + view.width() * 0.6, y: box.top + top + pixel(x) }
        : { x: box.left + left + pixel(x), y: box.top + top + view.height() * 0.3 }
      showTooltip(place, x, rows)
    }
    chart.addEventListener('pointermove', (event) => {
      const box = chart.getBoundingClientRect()
      const [left, top] = view.origin()
      const pointer = vertical ? event.clientY - box.top - top : event.clientX - box.left - left
      const distances = positions.map((x) => Math.abs(pixel(x) - pointer))
      const nearest = distances.indexOf(Math.min(...distances))
      if (nearest !== at) move(nearest)
    })
    chart.addEventListener('pointerleave', () => move(-1))
    chart.addEventListener('blur', () => move(-1))
    chart.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
      if (event.key === 'Escape') move(-1)
      if (!step) return
      event.preventDefault()
      move((at + step + positions.length + (at < 0 && step < 0 ? 1 : 0)) % positions.length)
    })
  }

  function showTooltip(place, x, rows) {
    const series = drawnSeries(figure, state.panelBy)
    const lines = rows.filter((row) => row.x === x && state.shown.has(row[other()]))
    const title = figure.mark === 'dots' ? x : `${figure.x.title} ${formatted(x, figure.x.format)}`
    tooltip.replaceChildren(element('strong', {}, title))
    for (const row of lines) {
      const line = element('div', {})
      const swatch = element('span', { class: 'swatch' })
      swatch.style.background = series.find(({ name }) => name === row[other()])?.colour
      const interval =
        row.low === undefined
          ? ''
          : ` (${formatted(row.low, figure.y.format)} – ${formatted(row.high, figure.y.format)})`
      const count = row.n === undefined ? '' : `, n = ${row.n}`
      line.append(
        swatch,
        `${row[other()]} `,
        element('b', {}, formatted(row.y, figure.y.format)),
        `${interval}${count}`,
      )
      tooltip.append(line)
    }
    tooltip.hidden = false
    const { width, height } = tooltip.getBoundingClientRect()
    const left = place.x + 14 + width > innerWidth ? place.x - 14 - width : place.x + 14
    tooltip.style.left = `${Math.max(4, left)}px`
    tooltip.style.top = `${Math.max(4, Math.min(place.y, innerHeight - height - 4))}px`
  }

  function drawToggles() {
    const names = drawnSeries(figure, state.panelBy)
    const buttons = names.map(({ name, colour }) => {
      const button = element('button', { type: 'button', class: 'toggle', 'aria-pressed': 'true' })
      const swatch = element('span', { class: 'swatch' })
      swatch.style.background = colour
      button.append(swatch, name)
      button.addEventListener('click', () => {
        const shown = !state.shown.delete(name)
        if (shown) state.shown.add(name)
        button.setAttribute('aria-pressed', String(shown))
        update()
      })
      return button
    })
    toggles.replaceChildren(...(names.length > 1 ? buttons : []))
    toggles.setAttribute('aria-label', other() === 'series' ? figure.seriesTitle : figure.panelTitle)
  }

  place.querySelector('.exchange')?.addEventListener('click', () => {
    state.panelBy = other()
    state.shown = new Set(namesOf(figure, other()))
    drawToggles()
    draw()
  })
  const forFile = () => exportSpec(figure, [...state.shown], { ...drawing(), ink: '#222' })
  place.querySelector('.save-svg').addEventListener('click', async () => {
    const view = new vega.View(vega.parse(compile(forFile()).spec), { renderer: 'none' })
    save(`${figure.id}.svg`, new Blob([await view.toSVG()], { type: 'image/svg+xml' }))
    view.finalize()
  })
  place.querySelector('.save-png').addEventListener('click', async () => {
    const view = new vega.View(vega.parse(compile(forFile()).spec), { renderer: 'none' })
    const canvas = await view.toCanvas(2)
    canvas.toBlob((blob) => save(`${figure.id}.png`, blob), 'image/png')
    view.finalize()
  })
  place
    .querySelector('.save-csv')
    .addEventListener('click', () => save(`${figure.id}.csv`, new Blob([csv(figure)], { type: 'text/csv' })))
  place.querySelector('details.data').addEventListener('toggle', ({ target }) => {
    if (target.open && !target.querySelector('table')) target.append(dataTable(figure))
  })

  drawToggles()
  draw()
  let drawnFor = panels.clientWidth
  new ResizeObserver(() => {
    if (Math.abs(panels.clientWidth - drawnFor) < 8) return
    drawnFor = panels.clientWidth
    draw()
  }).observe(panels)
}

function hideTooltip() {
  tooltip.hidden = true
}

function columnsOf(figure) {
  const has = (field) => figure.rows.some((row) => row[field] !== undefined)
  return [
    [figure.panelTitle, 'panel'],
    [figure.seriesTitle, 'series'],
    [figure.mark === 'dots' ? 'Name' : figure.x.title, 'x'],
    [figure.y.title, 'y'],
    ...(has('low')
      ? [
          ['95 % from', 'low'],
          ['to', 'high'],
        ]
      : []),
    ...(has('n') ? [['n', 'n']] : []),
  ]
}

function csv(figure) {
  const columns = columnsOf(figure)
  const cell = (value) => {
    const text = value === null || value === undefined ? '' : String(value)
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  const lines = [columns.map(([title]) => title), ...figure.rows.map((row) => columns.map(([, field]) => row[field]))]
  return `${lines.map((line) => line.map(cell).join(',')).join('\n')}\n`
}

function dataTable(figure) {
  const columns = columnsOf(figure)
  const table = element('table', {})
  const head = element('tr', {})
  for (const [title] of columns) head.append(element('th', { scope: 'col' }, title))
  table.append(head)
  for (const row of figure.rows) {
    const line = element('tr', {})
    for (const [, field] of columns) {
      const value = row[field]
      const format =
        field === 'x' ? figure.x.format : ['y', 'low', 'high'].includes(field) ? figure.y.format : undefined
      line.append(element('td', {}, value === undefined ? '' : formatted(value, format)))
    }
    table.append(line)
  }
  const frame = element('div', { class: 'scroll', tabindex: '0' })
  frame.append(table)
  return frame
}

function formatted(value, format) {
  if (value === null) return '–'
  if (typeof value !== 'number') return String(value)
  return format === undefined ? String(Number(value.toPrecision(6))) : vega.defaultLocale().format(format)(value)
}

function save(name, blob) {
  const url = URL.createObjectURL(blob)
  const link = element('a', { href: url, download: name })
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

function element(name, attributes, text) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  if (text !== undefined) made.textContent = text
  return made
}

/** Marks the section in view in the navigation. */
function enableTabs() {
  const links = new Map([...document.querySelectorAll('nav a')].map((link) => [link.hash.slice(1), link]))
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue
        for (const link of links.values()) link.removeAttribute('aria-current')
        links.get(target.id)?.setAttribute('aria-current', 'true')
      }
    },
    { rootMargin: '-20% 0px -70% 0px' },
  )
  for (const id of links.keys()) {
    const section = document.getElementById(id)
    if (section) observer.observe(section)
  }
}

for (const button of document.querySelectorAll('[data-theme-choice]')) {
  button.addEventListener('click', () => {
    const now =
      document.documentElement.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')
    document.documentElement.dataset.theme = now === 'dark' ? 'light' : 'dark'
  })
}
document.documentElement.dataset.ready = 'true'
