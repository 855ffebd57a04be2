import t from 'tap'
import { parseOptions } from '../../../src/fuse/command/options.ts'
import { parseSource } from '../../../src/fuse/command/source.ts'
import { parseMountTable } from '../../../src/fuse/kernel/mount-table.ts'

t.test('a source names masters, and perhaps a directory', t => {
  t.strictSame(parseSource('h:1'), { masters: ['h:1'], path: [], text: 'h:1' })
  t.strictSame(parseSource('h:1,10.0.0.1:2,[::1]:3:/a//b/'), {
    masters: ['h:1', '10.0.0.1:2', '[::1]:3'], path: ['a', 'b'], text: 'h:1,10.0.0.1:2,[::1]:3:/a/b',
  })
  t.equal(parseSource('h:1:/').text, 'h:1')
  for (const wrong of ['', 'h', 'h:', 'h:0', 'h:65536', 'h:1,', 'h:1:a', 'h:1:/../x', '/h:1']) {
    t.throws(() => parseSource(wrong), `'${wrong}' is refused`)
  }
  t.end()
})

t.test('options are ours, the kernel\'s, or somebody else\'s, and nothing else', t => {
  t.match(parseOptions(['rw,noatime', '_netdev,ro,x-systemd.device-timeout=3,nosuid']), {
    readOnly: true, forKernel: ['noatime', 'nosuid', 'ro'], allowOther: undefined, driver: undefined,
  })
  t.match(parseOptions(['ro', 'rw']), { readOnly: false, forKernel: [] }, 'the last one counts')
  t.match(parseOptions(['allow_other,driver=fuse-native,log=/a b,log_level=debug,host=h,patience=5']), {
    allowOther: true, driver: 'fuse-native', logFile: '/a b', logLevel: 'debug', host: 'h', patienceMs: 5_000,
  })
  for (const wrong of ['colour', 'driver=x', 'driver', 'log=', 'log_level=loud', 'patience=0', 'patience=1.5']) t.throws(() => parseOptions([wrong]))
  t.end()
})

t.test('the mount table is read with its escapes and its optional fields', t => {
  t.strictSame(parseMountTable([
    '42 27 0:39 / /mnt/a\\040b\\134c rw,relatime shared:7 master:1 - fuse.dfs h:1:/x\\040y rw,user_id=0',
    '22 27 8:1 / / rw - ext4 /dev/sda1 rw', '',
  ].join('\n')), [
    { device: '0:39', mountPoint: '/mnt/a b\\c', fileSystem: 'fuse.dfs', source: 'h:1:/x y' },
    { device: '8:1', mountPoint: '/', fileSystem: 'ext4', source: '/dev/sda1' },
  ])
  t.end()
})
