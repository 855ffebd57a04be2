/**
 * The public import: a client of a dfs cluster.
 *
 *     const client = await Client.connect({ masters: ['localhost:9400'] })
 *     await client.paths().writeFile('/hello', 'world')
 *     await client.close()
 */
export { Client, type ClientOptions } from './client.ts'
export type { Admin } from './admin.ts'
export type {
  AttributeChanges, DirectoryEntry, DirectoryPage, FileSystem, NewNode, OpenFile, OpenOptions, RenameMode, Totals,
} from './file-system.ts'
export type { Outside } from './outside.ts'
export type { Listed, Paths } from './paths/paths.ts'
export type { Trash, TrashPage } from './trash.ts'
export { superuser, type Attributes, type Caller, type FileType } from '../protocol/attributes.ts'
export { DfsError, type ErrorCode } from '../protocol/errors.ts'
export { fsck, noCounts, type Finding, type FsckCounts, type FsckOptions } from './fsck/fsck.ts'
export { problems, type Problem } from './fsck/judge.ts'
export type { ScrubStatus } from '../protocol/chunkserver-api.ts'
export type { ClusterStatus, FileInfo, TrashedFile } from '../protocol/master-api.ts'
export { bytesOfText, textOf, type LinkTarget, type Name, type XattrName } from '../protocol/names.ts'
