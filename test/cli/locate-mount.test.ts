import t from 'tap'
import { placeUnderMount, sourceOf } from '../../src/cli/locate-mount.ts'

const mountInfo = [
  '22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
  '90 22 0:50 / /mnt/dfs rw,nosuid shared:9 - fuse.dfs one:9400,two:9400 rw,user_id=0',
  '91 22 0:51 / /mnt/dfs/inner rw - tmpfs tmpfs rw',
  '92 22 0:52 / /srv/with\\040blank rw - fuse.dfs one:9400:/projects/x rw',
  '93 22 0:50 /sub /bound rw - fuse.dfs one:9400 rw',
  '94 22 0:53 / /other rw - fuse.sshfs host:/x rw',
  '',
].join('\n')

t.test('a path under a mount tells its masters and its place inside', t => {
  t.same(placeUnderMount(mountInfo, '/mnt/dfs/a/b'), { masters: ['one:9400', 'two:9400'], path: '/a/b' })
  t.same(placeUnderMount(mountInfo, '/mnt/dfs'), { masters: ['one:9400', 'two:9400'], path: '/' })
  t.same(placeUnderMount(mountInfo, '/srv/with blank/y'), { masters: ['one:9400'], path: '/projects/x/y' }, 'of a subdirectory')
  t.same(placeUnderMount(mountInfo, '/bound/z'), { masters: ['one:9400'], path: '/sub/z' }, 'of a bind mount')
  t.end()
})

t.test('what lies elsewhere is not taken for ours', t => {
  for (const path of ['/', '/mnt', '/mnt/dfs2/a', '/mnt/dfs/inner/a', '/other/a']) {
    t.equal(placeUnderMount(mountInfo, path), undefined, path)
  }
  t.end()
})

t.test('a mount on top of another hides it', t => {
  const hidden = `${mountInfo}99 22 0:60 / /mnt/dfs rw - tmpfs tmpfs rw\n`
  t.equal(placeUnderMount(hidden, '/mnt/dfs/a'), undefined)
  t.end()
})

t.test('a source is masters and a subdirectory', t => {
  t.same(sourceOf('h:1'), { masters: ['h:1'], subdirectory: '/' })
  t.same(sourceOf('h:1,[::1]:2:/a/b'), { masters: ['h:1', '[::1]:2'], subdirectory: '/a/b' })
  t.end()
})
