import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeImage } from '../../src/model/processor/image.ts'
import { fixture } from './fixture.ts'

const photo = readFileSync(fixture('images/photo.png'))
let server: Server
let base: string

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url!.split('?')[0]
    if (path === '/photo.png') response.end(photo)
    else if (path === '/moved') response.writeHead(302, { location: '/photo.png' }).end()
    else if (path === '/chunked') response.write(photo, () => response.end(photo))
    else if (path === '/cut')
      response.writeHead(200, { 'content-length': photo.length }).write(photo.subarray(0, 9), () => response.destroy())
    else if (path !== '/never') response.writeHead(404).end('nothing here')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const failure = (message: string) => ({ code: 'ERR_IMAGE', message: expect.stringContaining(message) })

test('an image comes over http, redirected or not', async () => {
  const local = await decodeImage(photo)
  expect(await decodeImage(`${base}/photo.png`)).toEqual(local)
  expect(await decodeImage(`${base}/moved`)).toEqual(local)
})

test('an answer other than 200 is named, without the query of the URL', async () => {
  const promise = decodeImage(`${base}/gone.png?token=secret`)
  await expect(promise).rejects.toMatchObject(failure(`Cannot read image '${base}/gone.png': the server answered 404`))
  await expect(promise).rejects.not.toThrow('secret')
})

test('a download larger than allowed stops, whether or not its size is announced', async () => {
  await expect(decodeImage(`${base}/photo.png`, { maxBytes: photo.length - 1 })).rejects.toMatchObject(
    failure('option maxBytes'),
  )
  await expect(decodeImage(`${base}/chunked`, { maxBytes: photo.length })).rejects.toMatchObject(
    failure('option maxBytes'),
  )
})

test('a server that does not answer is given up', async () => {
  await expect(decodeImage(`${base}/never`, { timeoutMs: 60 })).rejects.toMatchObject(failure('no answer within 60 ms'))
})

test('a connection that breaks or cannot be made is an image that cannot be read', async () => {
  await expect(decodeImage(`${base}/cut`)).rejects.toMatchObject(failure(`Cannot read image '${base}/cut'`))
  await expect(decodeImage('http://127.0.0.1:1/x.png')).rejects.toMatchObject(failure('127.0.0.1:1'))
})

test('a signal ends a download', async () => {
  await expect(decodeImage(`${base}/never`, { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({
    code: 'ERR_ABORTED',
  })
})
