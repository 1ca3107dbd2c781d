package journal_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// grouped returns a directory with one file of groups whose notes are as long
// as sizes says, and these notes.
func grouped(t *testing.T, sizes []int) (disk *journaltest.FS, d *journal.Directory, groups [][]byte, spots []journal.Spot) {
	disk = journaltest.New()
	d, err := journal.Claim(disk)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	var at journal.Spot
	j, err := journal.Create(d, journal.Options[struct{}]{
		Policy: journal.Never, FileBytes: 1 << 30, State: func() []byte { return nil },
		Settled: func(_ []struct{}, spot journal.Spot, _ error) { at = spot },
	})
	require.NoError(t, err)
	for i, size := range sizes {
		g, err := j.Begin()
		require.NoError(t, err)
		note := bytes.Repeat([]byte{byte(i)}, size)
		g.SetNotes(append(g.Notes(), note...))
		j.End()
		require.NoError(t, j.Commit(g))
		groups, spots = append(groups, note), append(spots, at)
	}
	return disk, d, groups, spots
}

// A counter counts what is asked for of a ReadChunk.
type counter struct{ asked, largest int }

func (c *counter) alloc(n int) []byte {
	c.asked += n
	c.largest = max(c.largest, n)
	return make([]byte, n)
}

// Whatever the sizes of frames are, chunk after chunk has each of them once, as
// many as there is room for, and little is read twice.
func TestDirectory_readChunk(t *testing.T) {
	for name, sizes := range map[string][]int{
		"tiny":      slices.Repeat([]int{1, 2, 50}, 3000),
		"small":     slices.Repeat([]int{1000, 10_000}, 200),
		"medium":    slices.Repeat([]int{100_000}, 30),
		"large":     slices.Repeat([]int{300_000}, 9),
		"very":      slices.Repeat([]int{600_000}, 5),
		"huge":      {3 << 20, 5 << 20, 700_000},
		"mixed":     slices.Repeat([]int{1, 600_000, 100, 100_000, 300_000, 2000}, 4),
		"a quarter": slices.Repeat([]int{128<<10 - 21}, 20),
		"half":      slices.Repeat([]int{256<<10 - 21}, 9),
		"whole":     slices.Repeat([]int{512<<10 - 21}, 5),
		"too many":  slices.Repeat([]int{512<<10 - 20}, 5),
	} {
		t.Run(name, func(t *testing.T) {
			_, d, want, spots := grouped(t, sizes)
			last := spots[len(spots)-1]
			var got [][]byte
			var asked counter
			for at := spots[0].At; at < last.To; {
				c, err := d.ReadChunk(1, at, math.MaxInt64, asked.alloc)
				require.NoError(t, err)
				require.NotEmpty(t, c.Groups)
				require.Equal(t, at, c.At)
				for _, g := range c.Groups {
					require.Equal(t, spots[len(got)].At, g.At)
					require.Equal(t, g.Notes, c.Memory[g.From:g.From+len(g.Notes)])
					got = append(got, g.Notes)
				}
				at = spots[len(got)-1].To
				require.Equal(t, at, c.To)
				require.True(t, c.To-c.At <= 512<<10 || len(c.Groups) == 1, "%d groups", len(c.Groups))
			}
			require.Equal(t, want, got)
			assert.LessOrEqual(t, asked.asked, int(last.To-spots[0].At)*115/100)
			assert.LessOrEqual(t, asked.largest, max(512<<10, slices.Max(sizes)+21))
		})
	}
}

// A chunk ends where the caller says, at the end of the file, and before what
// is no sound frame yet; and where it cannot begin that is damage.
func TestDirectory_readChunkEnds(t *testing.T) {
	disk, d, want, spots := grouped(t, []int{1000, 200_000, 1000, 100_000, 1000})
	read := func(i, end int) *journal.Chunk {
		var asked counter
		c, err := d.ReadChunk(1, spots[i].At, spots[end].At, asked.alloc)
		require.NoError(t, err)
		assert.LessOrEqual(t, int64(asked.asked), spots[end].At-spots[i].At)
		return c
	}
	for i := range spots {
		for end := i + 1; end < len(spots); end++ {
			c := read(i, end)
			require.Len(t, c.Groups, end-i)
			assert.Equal(t, want[end-1], c.Groups[end-i-1].Notes)
			assert.Equal(t, spots[end].At, c.To)
		}
	}
	for name, file := range disk.Files() {
		for _, cut := range []int64{0, 1, 19, 20, 21, 22, 500} {
			for i := range spots {
				t.Run(fmt.Sprint(i, cut), func(t *testing.T) {
					disk.Set(map[string][]byte{name: file[:spots[i].At+cut]})
					var asked counter
					_, err := d.ReadChunk(1, spots[i].At, math.MaxInt64, asked.alloc)
					var damage *journal.Damage
					require.ErrorAs(t, err, &damage)
					assert.Equal(t, spots[i].At, damage.Offset)
					assert.LessOrEqual(t, int64(asked.asked), cut)
					c, err := d.ReadChunk(1, spots[0].At, math.MaxInt64, asked.alloc)
					if i == 0 {
						require.ErrorAs(t, err, &damage)
						return
					}
					require.NoError(t, err)
					assert.Len(t, c.Groups, i)
					assert.Equal(t, spots[i].At, c.To)
				})
			}
		}
		// A length that is damaged, in the head of the first and of another one.
		for _, i := range []int{0, 2} {
			damaged := slices.Clone(file)
			damaged[spots[i].At+7] = 0x3f
			disk.Set(map[string][]byte{name: damaged})
			var asked counter
			_, err := d.ReadChunk(1, spots[i].At, math.MaxInt64, asked.alloc)
			require.ErrorContains(t, err, fmt.Sprintf("of which %d are there", int64(len(file))-spots[i].At-20))
			assert.LessOrEqual(t, asked.asked, 4<<10)
		}
	}
}

// Zeros that were written ahead end a chunk as the end of the file does.
func TestDirectory_readChunkBeforeZeros(t *testing.T) {
	disk, d, want, spots := grouped(t, []int{1000, 100, 90_000})
	end := spots[2].To
	for name, file := range disk.Files() {
		for _, zeros := range []int{1, 19, 20, 21, 5000, 2 << 20} {
			disk.Set(map[string][]byte{name: append(file[:end:end], make([]byte, zeros)...)})
			for i, spot := range spots {
				c, err := d.ReadChunk(1, spot.At, math.MaxInt64, new(counter).alloc)
				require.NoError(t, err)
				assert.Equal(t, end, c.To)
				require.Len(t, c.Groups, 3-i)
				assert.Equal(t, want[2], c.Groups[2-i].Notes)
			}
			_, err := d.ReadChunk(1, end, math.MaxInt64, new(counter).alloc)
			var damage *journal.Damage
			require.ErrorAs(t, err, &damage, "%d zeros", zeros)
			assert.Equal(t, end, damage.Offset)
		}
	}
}
