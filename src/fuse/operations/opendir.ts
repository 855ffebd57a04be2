import { DirectoryListing } from '../directory-listing.ts'
import { openOut, releaseIn } from '../kernel/messages.ts'
import { done, operation } from '../operation.ts'

export const opendir = operation('opendir', (mount, { inode }) => {
  const listing = new DirectoryListing(mount.fileSystem, inode)
  const fh = mount.handles.add({ kind: 'directory', inode, listing })
  return { parts: [openOut.encode({ fh })], unanswered: () => { mount.handles.remove(fh) } }
})

export const releasedir = operation('releasedir', (mount, { body }) => {
  mount.handles.remove(releaseIn.decode(body).fh)
  return done
})
