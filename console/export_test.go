package console

import (
	"context"
	"maps"
	"slices"
	"time"
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
