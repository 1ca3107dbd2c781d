package console

import (
	"maps"
	"slices"
)

// ChangeNames returns all that can be done, and PageNames all pages.
func ChangeNames() []string { return slices.Sorted(maps.Keys(changes)) }
func PageNames() []string   { return slices.Sorted(maps.Keys(pages)) }
