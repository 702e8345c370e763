import { describe, expect, test } from 'vitest'
import { type Host, linkerRemedy, requireHost } from '../../src/libtorch/host.ts'
import { addonFinding, cacheFinding, cpuFinding, cudaFinding, platformFinding } from '../../src/setup/findings.ts'
import type { Machine } from '../../src/setup/machine.ts'
import type { Trial } from '../../src/setup/trial.ts'

const host: Host = { platform: 'linux', arch: 'x64', glibc: '2.36', node: '22.1.0', nodeApi: 9 }
const machine: Machine = { cpu: 'A processor', cores: 8, cpuFeatures: ['avx', 'avx2'], memoryBytes: 16e9 }
const works: Trial = { outcome: 'works', torchVersion: '2.13.0', threads: 4, cudaDevices: 0 }

describe('a host that the addon cannot run on is refused with the reason and a command', () => {
  test.each<[string, Partial<Host>, RegExp]>([
    ['macOS', { platform: 'darwin', arch: 'arm64' }, /Expected linux-x64 but this is darwin-arm64.*docker run/],
    ['64-bit Arm', { arch: 'arm64' }, /this is linux-arm64.*docker run/],
    ['musl', { glibc: undefined }, /Expected glibc ≥ 2\.34 but this system has another C library.*docker run/],
    ['an old glibc', { glibc: '2.31' }, /Expected glibc ≥ 2\.34.*but this system has 2\.31.*docker run/],
    ['an old Node', { node: '18.0.0', nodeApi: 8 }, /Node 18\.0\.0 has 8.*npx -p node@22/],
  ])('%s', (_, differing, message) => {
    const requirements = { glibc: '2.34' }
    const refusal = expect.objectContaining({ code: 'ERR_PLATFORM', message: expect.stringMatching(message) })
    expect(() => requireHost({ ...host, ...differing }, requirements)).toThrow(refusal)
    expect(platformFinding({ ...host, ...differing }, requirements)).toEqual({
      subject: 'platform',
      state: 'problem',
      found: expect.stringMatching(message),
    })
  })

  test('versions are compared by number: 2.9 is older than 2.34, 2.100 newer', () => {
    expect(() => requireHost({ ...host, glibc: '2.9' }, { glibc: '2.34' })).toThrow('this system has 2.9')
    requireHost({ ...host, glibc: '2.100' }, { glibc: '2.34' })
  })
})

test.each([
  ["libm.so.6: version `GLIBC_2.38' not found (required by addon.node)", /glibc is older than 2\.38.*docker run/],
  ["libstdc++.so.6: version `GLIBCXX_3.4.30' not found", /libstdc\+\+ is older than 3\.4\.30/],
  ['libgomp.so.1: cannot allocate memory in static TLS block', /GLIBC_TUNABLES=/],
  ['file too short', /^$/],
])('the linker says %j', (words, remedy) => {
  expect(linkerRemedy(words)).toMatch(remedy)
})

describe('the addon', () => {
  test.each<[Trial, RegExp]>([
    [{ outcome: 'refused', code: 'ERR_ADDON', message: 'No stub' }, /^No stub \(ERR_ADDON\)$/],
    [{ outcome: 'crashed', how: 'SIGILL', stderr: '' }, /crashed.*SIGILL.*processor lacks an instruction/],
    [{ outcome: 'crashed', how: 'SIGSEGV', stderr: 'a\nterminate called\n' }, /SIGSEGV \(terminate called\).*npm/],
    [{ outcome: 'crashed', how: 'SIGKILL', stderr: '' }, /out of memory\?/],
    [{ outcome: 'hung', seconds: 60 }, /no answer for 60 s.*OMP_NUM_THREADS=1/],
  ])('that ended as %j is a problem with a way out', (trial, found) => {
    expect(addonFinding(trial)).toEqual({ subject: 'addon', state: 'problem', found: expect.stringMatching(found) })
  })

  test('that works is said with its libtorch and threads', () => {
    expect(addonFinding(works)).toMatchObject({ state: 'ok', found: 'works with libtorch 2.13.0, 4 threads' })
  })
})

test('a cache that is full or read-only is a problem only while libtorch must still be put there', () => {
  const cache = { directory: '/cache', writable: true, freeBytes: 100e6 }
  expect(cacheFinding(cache, true)).toMatchObject({
    state: 'problem',
    found: expect.stringMatching(/needs 0\.7 GB.*FRANKENTORCH_CACHE=DIR/),
  })
  expect(cacheFinding(cache, false)).toMatchObject({ state: 'ok' })
  const locked = { ...cache, writable: false }
  expect(cacheFinding(locked, true)).toMatchObject({
    state: 'problem',
    found: expect.stringContaining('cannot be written to'),
  })
  expect(cacheFinding(locked, false)).toMatchObject({ state: 'note' })
})

test('a processor without avx2, and a GPU that this libtorch does not use, are notes', () => {
  expect(cpuFinding({ ...machine, cpuFeatures: ['avx'] })).toMatchObject({ state: 'note' })
  expect(cpuFinding(machine)).toMatchObject({ state: 'ok' })
  expect(cudaFinding({ ...machine, nvidiaDriver: '580.1' }, works)).toMatchObject({
    state: 'note',
    found: expect.stringContaining('build-cuda'),
  })
  expect(cudaFinding(machine, { ...works, cudaDevices: 2 })).toMatchObject({ state: 'ok', found: '2 devices' })
})
