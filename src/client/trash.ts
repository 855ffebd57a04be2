import type { Attributes, Caller } from '../protocol/attributes.ts'
import { DfsError } from '../protocol/errors.ts'
import type { InodeId } from '../protocol/identifiers.ts'
import { limits } from '../protocol/limits.ts'
import { masterApi, type TrashedFile } from '../protocol/master-api.ts'
import { textOf } from '../protocol/names.ts'
import type { FileSystem } from './file-system.ts'
import type { MasterSession } from './master/session.ts'
import type { Namespace } from './metadata/namespace.ts'
import { Paths } from './paths/paths.ts'
import { bytesOfPath, resolve, type Path } from './paths/resolve.ts'

const { listTrash, purge, trashed } = masterApi.methods

/** Some of what is in the trash. */
export interface TrashPage {
  files: TrashedFile[]
  /** The time at the master, for what is older than something. */
  nowNs: bigint
}

/** Removed files, on behalf of one caller: root has all, others those they own. */
export class Trash {
  readonly #session: MasterSession
  readonly #namespace: Namespace
  readonly #fileSystem: FileSystem
  readonly #caller: Caller

  constructor(parts: { session: MasterSession, namespace: Namespace, fileSystem: FileSystem, caller: Caller }) {
    this.#session = parts.session
    this.#namespace = parts.namespace
    this.#fileSystem = parts.fileSystem
    this.#caller = parts.caller
  }

  /**
   * Removed files, page by page: ordered by path, of each path the latest first.
   * @param scope 'path': those that had this very path; 'tree': also those that lay below it
   */
  async * list(path: Path, scope: 'path' | 'tree' = 'tree'): AsyncGenerator<TrashPage> {
    const bytes = lastPathOf(path)
    for (let after: Uint8Array<ArrayBuffer> | undefined; ;) {
      const { files, nowNs, next } = await this.#session.ask(listTrash, {
        path: bytes, scope, limit: limits.trashPageMax, caller: this.#caller, ...(after === undefined ? {} : { after }),
      })
      yield { files, nowNs }
      if (next === undefined) return
      after = next
    }
  }

  /** A file with all that is known of its removal. */
  async get(inode: InodeId): Promise<TrashedFile | undefined> {
    return (await this.#session.ask(trashed, { inode, caller: this.#caller })).file
  }

  /** The latest file that was removed from a path. */
  async latest(path: Path): Promise<TrashedFile | undefined> {
    for await (const { files: [file] } of this.list(path, 'path')) {
      if (file !== undefined) return file
    }
    return undefined
  }

  /**
   * Gives a removed file a name again; directories that are missing on the way are made with `directoryMode`.
   * @throws DfsError 'no-such-entry' it is not in the trash, 'already-exists', 'not-permitted', 'access-denied'
   */
  async restore(inode: InodeId, to: Path, directoryMode = 0o755): Promise<Attributes> {
    const bytes = bytesOfPath(to)
    const paths = new Paths(this.#fileSystem, this.#caller)
    const folder = Buffer.from(bytes.slice(0, bytes.lastIndexOf('/') + 1), 'latin1')
    await paths.mkdir(folder, { mode: directoryMode, parents: true })
    const { parent, name, attributes } = await resolve(this.#fileSystem, to, this.#caller, 'keep')
    if (attributes !== undefined || name === undefined) throw new DfsError('already-exists', textOf(bytes))
    return this.#namespace.restore(inode, parent, name, this.#caller)
  }

  /**
   * Removes files for good, so many at a time; those that are not in the trash any more are passed over.
   * @param advanced called after each step with what it removed
   */
  async purge(inodes: readonly InodeId[], advanced: (step: { files: number, bytes: number }) => void = () => {}): Promise<void> {
    for (let at = 0; at < inodes.length; at += limits.purgeMax) {
      const batch = inodes.slice(at, at + limits.purgeMax)
      advanced(await this.#session.mutate(purge, { caller: this.#caller, inodes: batch }, 'harmless'))
    }
  }
}

/** As the trash keeps paths: with a slash in front and none behind; the root is ''. */
function lastPathOf(path: Path): string {
  const parts = bytesOfPath(path).split('/').filter(part => part !== '')
  return parts.map(part => `/${part}`).join('')
}
