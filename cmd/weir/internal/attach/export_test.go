package attach

import (
	"context"

	"github.com/weirstream/weir/aws/dynamolease"
)

// The bounds of a look at a table.
const (
	LookFor       = lookFor
	MostPages     = mostPages
	KeptFor       = keptFor
	FailedKeptFor = failedKeptFor
)

// Ask lets a table be asked of somebody else.
func (t *LookedAt) Ask(api dynamolease.API) {
	t.api = func(context.Context) (dynamolease.API, error) { return api, nil }
}

// Reach is reach.
var Reach = reach
