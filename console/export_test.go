package console

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/weirstream/weir"
)

// Sorted returns the names of all streams in an order, and how many have not been
// looked into, after a look that may take so long.
func (c *Console) Sorted(ctx context.Context, by string, within time.Duration) (names []string, unseen int) {
	all, err := c.config.Source.Streams(ctx)
	if err != nil {
		panic(err)
	}
	i := slices.IndexFunc(sortings, func(s sorting) bool { return s.Name == by })
	all, unseen, _ = c.sort(ctx, all, sortings[i], within)
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names, unseen
}

// ChangeNames returns all that can be done, and PageNames all pages.
func ChangeNames() []string { return slices.Sorted(maps.Keys(changes)) }
func PageNames() []string   { return slices.Sorted(maps.Keys(pages)) }

// Tail returns how long the last records of the first shard of a stream are, as a
// page shows them that follows and has time until then, and whether it skipped
// some.
func Tail(ctx context.Context, s *weir.Stream, until time.Time) (lengths []int, skipped bool, err error) {
	var d recordsData
	err = d.tail(ctx, s, s.Shards()[0], rangesOf(s), time.Now(), until)
	for _, row := range d.Rows {
		lengths = append(lengths, row.Bytes)
	}
	return lengths, d.Skipped, err
}

// What pages show of numbers, and the commands of changes.
var (
	CountText = countText[float64]
	BytesText = bytesText[float64]
	RateText  = rateText
	SpanText  = spanText
)

// CommandLine returns the command that does what an action does.
func CommandLine(a Action, s Stream, endpoint string) string {
	return commandLine(s, endpoint, a.command(s, arnOf(s))...)
}
