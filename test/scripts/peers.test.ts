import t from 'tap'
import { isCovered } from '../../scripts/peers/apart.ts'
import { chart } from '../../scripts/peers/chart.ts'
import { compare, median, written } from '../../scripts/peers/comparison.ts'
import type { BenchReport, Results } from '../../scripts/peers/request.ts'

const report = (write: number, untar: number): BenchReport => ({
  quick: true, cold: true,
  figures: [
    { name: 'seq-write', title: 'write & sync', unit: 'MB/s', value: write, seconds: 1 },
    { name: 'untar', title: 'unpack', unit: 's', value: untar, seconds: untar },
  ],
})

const described = (name: Results['systems'][number]['name']): Results['systems'][number] => ({ name, version: '1', settings: [] })

const results: Results = {
  systems: [described('dfs'), described('moosefs'), described('glusterfs'), described('ext4')],
  rounds: [
    { dfs: report(100, 10), moosefs: report(50, 5), glusterfs: report(80, 40), ext4: report(900, 1) },
    { dfs: report(300, 30), moosefs: report(60, 6), glusterfs: report(10, 50), ext4: report(900, 1) },
    { dfs: report(200, 20), moosefs: report(70, 4), glusterfs: report(90, 60), ext4: report(900, 1) },
  ],
}

t.test('the median is the value in the middle, whatever the order', async t => {
  t.equal(median([9, 1, 5]), 5)
  t.equal(median([4, 1, 3, 2]), 2.5)
  t.equal(median([7]), 7)
})

t.test('ours is compared with the better peer, above 1 where it is faster, and never with the bare disk', async t => {
  const [write, untar] = compare(results)
  t.equal(write?.figures.dfs?.median, 200)
  t.strictSame(write?.figures.dfs?.rounds, [100, 300, 200])
  t.equal(write?.ratio, 200 / 80, 'GlusterFS writes faster than MooseFS')
  t.equal(untar?.ratio, 5 / 20, 'MooseFS needs a quarter of our time')
})

t.test('without peers there is no ratio', async t => {
  const alone: Results = { systems: [described('dfs'), described('ext4')], rounds: results.rounds }
  t.strictSame(compare(alone).map(({ ratio }) => ratio), [undefined, undefined])
})

t.test('rates are written whole, times with two digits', async t => {
  t.equal(written('1/s', 12345.6), '12,346')
  t.equal(written('s', 2.345), '2.35')
})

t.test('in the chart the fastest bar is the longest, also where less is faster, and the disk is left out', async t => {
  const drawn = chart(compare(results), { dfs: 'dfs', moosefs: 'MooseFS', glusterfs: 'GlusterFS', ext4: 'the disk' })
  const bars = [...drawn.matchAll(/<rect class="bar" x="250" y="\d+" width="(\d+)" height="10"/g)].map(([, width]) => Number(width))
  t.equal(bars.length, 6, 'three systems, two measures')
  const [ours = 0, moosefs = 0, glusterfs = 0, oursUntar = 0, moosefsUntar = 0] = bars
  t.ok(ours > glusterfs && glusterfs > moosefs, 'as fast as it is')
  t.ok(moosefsUntar > oursUntar, 'the shorter time has the longer bar')
  t.notMatch(drawn, 'the disk')
  t.match(drawn, 'write &amp; sync', 'what has a meaning in XML is written out')
})

t.test('data must not lie where the clusters see copies of folders', async t => {
  t.ok(isCovered('/var/lib/bench'))
  t.ok(isCovered('/etc'))
  t.notOk(isCovered('/var/tmp/'))
  t.notOk(isCovered('/etcetera'))
})
