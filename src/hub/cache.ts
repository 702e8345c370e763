import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

// The layout that all Hugging Face libraries share: <cache>/<kind>--<org>--<name>/ with blobs/<etag>, snapshots/<commit>/<file>, which are
// links to blobs, and refs/<branch>, which hold commits.

/** The folder of a repository, `name` being `org/name` or a bare name. */
export function repositoryFolder(cache: string, kind: 'models' | 'datasets', name: string): string {
  return join(cache, `${kind}--${name.replaceAll('/', '--')}`)
}

/**
 * The snapshot of a branch, tag or commit (40 hex digits, or the beginning of one), undefined when it is not there, and all commits there are.
 * Without `refs/main` (a cache copied by hand) the only snapshot is taken for it.
 */
export async function cachedSnapshot(
  repository: string,
  revision: string,
): Promise<{ directory: string | undefined; held: string[] }> {
  const held = await readdir(join(repository, 'snapshots')).catch(() => [])
  const wanted = await readFile(join(repository, 'refs', revision), 'utf8').then(
    (text) => text.trim(),
    () => (revision === 'main' && held.length === 1 ? held[0]! : revision),
  )
  const matches = held.filter((commit) => commit === wanted || (wanted.length >= 7 && commit.startsWith(wanted)))
  return { directory: matches.length === 1 ? join(repository, 'snapshots', matches[0]!) : undefined, held }
}

/** Makes `blobs/<etag>` the file of that name in the snapshot. */
export async function linkBlob(snapshot: string, file: string, etag: string): Promise<void> {
  const link = join(snapshot, file)
  const temporary = `${link}.${process.pid}.link`
  await mkdir(dirname(link), { recursive: true })
  await rm(temporary, { force: true })
  await symlink(join('..', '..', 'blobs', etag), temporary)
  await rename(temporary, link)
}

/** Remembers which commit a branch or tag was; a commit needs no such note. */
export async function writeRef(repository: string, revision: string, commit: string): Promise<void> {
  if (revision === commit) return
  const ref = join(repository, 'refs', revision)
  // Rewriting what is there already would fail in a cache that may only be read.
  if ((await readFile(ref, 'utf8').catch(() => '')).trim() === commit) return
  await mkdir(dirname(ref), { recursive: true })
  await writeFile(ref, commit)
}
