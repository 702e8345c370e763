import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { report } from '../../src/report/index.ts'
import { temporaryDirectory } from '../native/temporary.ts'
import { executablePath, launch } from './browser.ts'
import { writeStudy } from './study.ts'

if (!executablePath)
  console.info('report: no Chromium found, the page is not opened (apt-get install chromium, or CHROMIUM_PATH)')

describe.skipIf(!executablePath)('the report in a browser', () => {
  const root = temporaryDirectory()
  let browser: Browser
  let page: Page
  const console_: string[] = []
  const requests: string[] = []

  beforeAll(async () => {
    writeStudy(root)
    // the script of the page as the sources have it now
    execFileSync(process.execPath, ['scripts/bundle-page.mjs'])
    const { file } = await report(root)
    browser = await launch()
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.on('console', (message) => console_.push(`${message.type()}: ${message.text()}`))
    page.on('pageerror', (thrown) => console_.push(`error: ${thrown.message}`))
    page.on('dialog', (dialog) => {
      console_.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    page.on('request', (request) => requests.push(request.url()))
    await page.goto(pathToFileURL(file).href)
    await page.waitForSelector('html[data-ready]', { state: 'attached' })
  })
  afterAll(async () => {
    await browser?.close()
  })

  const chart = (figure: string, panel = 0) => page.locator(`#${figure} .chart`).nth(panel)
  const tooltip = () => page.locator('#tooltip')
  const json = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'))
  const lines = (figure: string) => page.locator(`#${figure} .panel:first-child .mark-line > path`).count()

  test('every figure is drawn', async () => {
    const ids = [
      'swap',
      'ablation',
      'attention',
      'attention-shift',
      'energy',
      'spectrum',
      'singular-values',
      'results',
      'training',
    ]
    for (const id of ids) {
      expect(await page.locator(`#figure-${id} .chart svg`).count(), id).toBeGreaterThan(0)
      expect(await chart(`figure-${id}`).locator('svg').innerHTML(), id).not.toContain('NaN')
    }
  })

  test('hovering reads the values of all lines at a layer', async () => {
    await chart('figure-swap').scrollIntoViewIfNeeded()
    const box = (await chart('figure-swap').boundingBox())!
    await page.mouse.move(box.x + 52, box.y + 60)
    const text = await tooltip().innerText()
    expect(text).toContain('First swapped decoder layer 0')
    for (const model of ['IN', 'RL']) {
      const rate = json(`probe-vision/${model}/layer_swap_summary.json`).change_rates.counting[0]
      expect(text).toContain(`${model} ${Math.round(100 * rate)}%`)
    }
    await page.mouse.move(box.x + box.width / 2, box.y + 60)
    expect(await tooltip().innerText()).toMatch(/layer [4-7]\b/)
    await page.mouse.move(2, 2)
    expect(await tooltip().isVisible()).toBe(false)
  })

  test('a toggle hides a line and brings it back, by mouse and by keyboard', async () => {
    expect(await lines('figure-swap')).toBe(2)
    const toggle = page.locator('#figure-swap .toggle', { hasText: 'IN' })
    await toggle.click()
    expect(await toggle.getAttribute('aria-pressed')).toBe('false')
    expect(await lines('figure-swap')).toBe(1)
    await toggle.focus()
    await page.keyboard.press('Space')
    expect(await toggle.getAttribute('aria-pressed')).toBe('true')
    expect(await lines('figure-swap')).toBe(2)
  })

  test('tasks become lines and models panels when exchanged', async () => {
    const captions = () => page.locator('#figure-swap .panel figcaption').allInnerTexts()
    expect(await captions()).toEqual(['counting', 'ocr'])
    await page.locator('#figure-swap .exchange').click()
    expect(await captions()).toEqual(['IN', 'RL'])
    expect(await page.locator('#figure-swap .toggle').allInnerTexts()).toEqual(['counting', 'ocr'])
    await page.locator('#figure-swap .exchange').click()
    expect(await captions()).toEqual(['counting', 'ocr'])
  })

  test('the arrow keys read a chart', async () => {
    await chart('figure-ablation').focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    expect(await tooltip().innerText()).toContain('Skipped decoder layer 1')
    await page.keyboard.press('ArrowLeft')
    expect(await tooltip().innerText()).toContain('Skipped decoder layer 0')
    await page.keyboard.press('Escape')
    expect(await tooltip().isVisible()).toBe(false)
  })

  test('the tables are those of the JSON files', async () => {
    const results = json('eval/summary.json')
    for (const [model, tasks] of Object.entries<Record<string, { result: { value: number } }>>(results)) {
      const row = page.locator(`table.results tr[data-model="${model}"]`).first()
      const cells = await row.locator('td').allInnerTexts()
      expect(cells.map((cell) => cell.split('\n')[0])).toEqual(
        Object.values(tasks).map(({ result }) => (100 * result.value).toFixed(1)),
      )
    }
    await page.locator('#figure-results details.data summary').click()
    await page.locator('#figure-results details.data table').waitFor()
    expect(await page.locator('#figure-results details.data tr').count()).toBe(1 + 8 * 6)
  })

  test('SVG, PNG and CSV can be saved', async () => {
    const saved = async (kind: string) => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.locator(`#figure-energy .save-${kind}`).click(),
      ])
      expect(download.suggestedFilename()).toBe(`figure-energy.${kind}`)
      return readFileSync(await download.path())
    }
    expect((await saved('svg')).toString()).toMatch(/^<svg[\s\S]*Energy of the updates by depth[\s\S]*<\/svg>$/)
    expect((await saved('png')).subarray(1, 4).toString()).toBe('PNG')
    const csv = (await saved('csv')).toString().trim().split('\n')
    expect(csv[0]).toBe('Update,Component,Layer on the unified axis,Mean ‖Δ‖ (Frobenius),n')
    expect(csv).toHaveLength(1 + 20 * 2 * 2)
  })

  test('examples show images, and what a record holds is text', async () => {
    expect(await page.locator('.sample img').count()).toBe(8)
    const broken = await page.locator('.sample img').evaluateAll((images) =>
      // biome-ignore lint/suspicious/noExplicitAny: the page's types are not known here
      images.filter((image: any) => image.naturalWidth === 0),
    )
    expect(broken).toHaveLength(0)
    expect(await page.locator('.sample .prompt').first().innerText()).toContain('<img src=x onerror=alert(1)>')
  })

  test('light, dark and narrow screens and print show it', async () => {
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
    const light = await background()
    await page.locator('[data-theme-choice]').click()
    expect(await background()).not.toBe(light)
    await page.locator('[data-theme-choice]').click()
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.emulateMedia({ media: 'print' })
    expect(await page.locator('nav').isVisible()).toBe(false)
    expect(await background()).toBe(light)
    await page.emulateMedia({ media: 'screen', colorScheme: 'light' })
    await page.setViewportSize({ width: 400, height: 800 })
    await page.waitForFunction(
      'document.querySelector("#figure-swap .panels").style.getPropertyValue("--columns") === "1"',
    )
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(400)
  })

  test('nothing was fetched, and the console is clean', () => {
    expect(
      requests.filter((url) => !url.startsWith('file:') && !url.startsWith('data:') && !url.startsWith('blob:')),
    ).toEqual([])
    expect(console_).toEqual([])
  })
})
