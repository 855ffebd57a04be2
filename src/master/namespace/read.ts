import type { Attributes, Caller } from '../../protocol/attributes.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import type { LinkTarget, Name, XattrName } from '../../protocol/names.ts'
import type { MasterState } from '../state/index.ts'

/** Answers to masterApi's reads; each takes the request of the method of its name. All throw DfsError. */
export declare function lookup(state: MasterState, request: { parent: InodeId, name: Name, caller: Caller }): Attributes
export declare function attributes(state: MasterState, request: { inode: InodeId }): Attributes
export declare function readLink(state: MasterState, request: { inode: InodeId }): { target: LinkTarget }
export declare function readDirectory(
  state: MasterState, request: { inode: InodeId, after?: Name | undefined, limit: number, caller: Caller },
): { entries: { name: Name, attributes: Attributes }[], complete: boolean }
export declare function parentOf(state: MasterState, request: { directory: InodeId }): { parent: InodeId }
export declare function getXattr(
  state: MasterState, request: { inode: InodeId, name: XattrName, caller: Caller },
): { value: Uint8Array }
export declare function listXattrs(state: MasterState, request: { inode: InodeId }): { names: XattrName[] }
/** Whether the caller may open the file so; counting the open is {@link Sessions.open}'s. */
export declare function checkOpen(
  state: MasterState, request: { inode: InodeId, caller: Caller, read: boolean, write: boolean },
): Attributes
