package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

// ErrNoStream says that there is no stream of a name.
var ErrNoStream = errors.New("there is no such stream")

// A Source has the streams that a console shows. Its methods may be called by
// any number of goroutines at a time.
type Source interface {
	// Streams returns all streams in an order that stays, such as that of their
	// names.
	Streams(ctx context.Context) ([]Stream, error)
	// Stream returns one of them. The error matches [ErrNoStream] if there is none.
	Stream(ctx context.Context, at, name string) (Stream, error)
	// Do carries out a change of a stream, or creates it. What it returns is to be
	// said about it, if anything, such as where a record went.
	Do(ctx context.Context, at, name string, a Action) (string, error)
	// Can reports whether the source can create and delete streams.
	Can() (create bool)
}

// A Stream is one of a Source.
type Stream struct {
	// At says where the stream is when its name is not enough, such as
	// 000000000000/us-east-1. It is empty for those of one account.
	At   string
	Name string
	// Status is the service's word, such as UPDATING. Empty means ACTIVE.
	Status string
	// Engine is the stream itself; nil while it cannot be used.
	Engine *weir.Stream
}

// A Group is a consumer group and where it keeps what it knows.
type Group struct {
	// Name tells groups apart.
	Name  string
	Store lease.Store
	// Kept says where, as weir group --store takes it, for those who look and for
	// the commands that are shown. It may be empty.
	Kept string
	// ReadOnly says that the group is only shown: the console cannot reset it.
	ReadOnly bool
}

// Streams is a Source of streams of this process: they can be changed, but
// none can be created or deleted. Of two with the same name the first counts;
// nil ones are left out.
func Streams(streams ...*weir.Stream) Source {
	var e embedded
	for _, s := range streams {
		if s != nil {
			e = append(e, s)
		}
	}
	slices.SortStableFunc(e, func(a, b *weir.Stream) int { return strings.Compare(a.Name(), b.Name()) })
	return slices.CompactFunc(e, func(a, b *weir.Stream) bool { return a.Name() == b.Name() })
}

// embedded are streams of this process, by name.
type embedded []*weir.Stream

func (e embedded) Can() bool { return false }

func (e embedded) Streams(context.Context) ([]Stream, error) {
	list := make([]Stream, len(e))
	for i, s := range e {
		list[i] = Stream{Name: s.Name(), Engine: s}
	}
	return list, nil
}

func (e embedded) Stream(_ context.Context, _, name string) (Stream, error) {
	i, ok := slices.BinarySearchFunc(e, name, func(s *weir.Stream, name string) int { return strings.Compare(s.Name(), name) })
	if !ok {
		return Stream{}, fmt.Errorf("stream %.80q: %w", name, ErrNoStream)
	}
	return Stream{Name: name, Engine: e[i]}, nil
}

func (e embedded) Do(ctx context.Context, at, name string, a Action) (string, error) {
	s, err := e.Stream(ctx, at, name)
	if err != nil {
		return "", err
	}
	return do(ctx, s.Engine, a)
}

// do carries out a change of a stream of this process.
func do(ctx context.Context, s *weir.Stream, a Action) (string, error) {
	switch a := a.(type) {
	case Put:
		at, err := s.Put(ctx, a.Entry)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("in %s as %s", at.ShardID, at.SequenceNumber), nil
	case Split:
		children, err := s.SplitShard(ctx, a.Shard, a.At)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("into %s and %s", children[0], children[1]), nil
	case Merge:
		child, err := s.MergeShards(ctx, a.Lower, a.Upper)
		if err != nil {
			return "", err
		}
		return "into " + child.String(), nil
	case Resize:
		steps, err := s.Resize(ctx, a.Target)
		return fmt.Sprintf("by %d splits and merges", len(steps)), err
	case SetRetention:
		return "", s.Set(ctx, func(set *weir.Settings) { set.Retention = a.Retention })
	case SetMode:
		return "", s.Set(ctx, func(set *weir.Settings) {
			set.Mode = a.Mode
			if a.Mode == weir.Provisioned {
				set.WarmThroughput, set.Distribution = 0, weir.ByPartitionKey
			}
		})
	case Register:
		_, err := s.RegisterConsumer(ctx, a.Consumer)
		return "", err
	case Deregister:
		return "", s.DeregisterConsumer(ctx, a.Consumer)
	}
	return "", fmt.Errorf("%T: %w", a, errors.ErrUnsupported)
}
