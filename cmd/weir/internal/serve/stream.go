package serve

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/aws/account"
)

// A Stream is a stream to begin with.
type Stream struct {
	Name string
	// Shards is how many it has; zero makes it an on-demand stream.
	Shards int32
}

const (
	onDemand       = "on-demand"
	maxNameLength  = 128
	nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
)

// ParseStream reads NAME, NAME:SHARDS or NAME:on-demand. NAME alone has one shard.
func ParseStream(text string) (Stream, error) {
	name, shards, given := strings.Cut(text, ":")
	switch {
	case name == "" || len(name) > maxNameLength || strings.Trim(name, nameCharacters) != "":
		return Stream{}, fmt.Errorf("%q is no stream's name: it must have 1 to %d of the characters a-z A-Z 0-9 . _ and -", name, maxNameLength)
	case !given:
		return Stream{Name: name, Shards: 1}, nil
	case shards == onDemand:
		return Stream{Name: name}, nil
	}
	n, err := strconv.ParseInt(shards, 10, 32)
	if err != nil || n < 1 {
		return Stream{}, fmt.Errorf("stream %s: %q must be a number of shards from 1 to %d, or %s", name, shards, math.MaxInt32, onDemand)
	}
	return Stream{Name: name, Shards: int32(n)}, nil
}

// String returns the stream as ParseStream takes it.
func (s Stream) String() string {
	if s.Shards == 0 {
		return s.Name + ":" + onDemand
	}
	return fmt.Sprintf("%s:%d", s.Name, s.Shards)
}

func (s Stream) input() *account.CreateStreamInput {
	in := &account.CreateStreamInput{StreamName: &s.Name}
	if s.Shards == 0 {
		in.StreamModeDetails = &account.StreamModeDetails{StreamMode: account.Ptr(account.ModeOnDemand)}
	} else {
		in.ShardCount = &s.Shards
	}
	return in
}

// A clock is the accounts' clock: the system's, but while the first streams are
// created.
type clock struct{ held atomic.Pointer[time.Time] }

func (c *clock) now() time.Time {
	if held := c.held.Load(); held != nil {
		return *held
	}
	return time.Now()
}

// createBefore creates streams, but those that there are, long enough ago for all of
// them to be ACTIVE now. A few at a time, because an account has a bound of streams that are CREATING
// and of calls a second.
func (c *clock) createBefore(ctx context.Context, a *account.Account, streams []Stream) error {
	const together = account.DefaultCreatingStreams
	pause := max(time.Second, a.Config().Delays.Create)
	groups := slices.Collect(slices.Chunk(streams, together))
	begin := time.Now().Add(-time.Duration(len(groups)) * pause)
	defer c.held.Store(nil)
	for i, group := range groups {
		at := begin.Add(time.Duration(i) * pause)
		c.held.Store(&at)
		for _, s := range group {
			_, err := a.CreateStream(ctx, s.input())
			if err != nil && !errors.Is(err, &account.Error{Code: account.CodeResourceInUse}) {
				return fmt.Errorf("--stream %s: %w", s, err)
			}
		}
	}
	return nil
}
