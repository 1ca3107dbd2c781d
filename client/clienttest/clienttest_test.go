package clienttest_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/client/clienttest"
)

// A broken stream is the engine but for one promise.
type broken struct {
	client.Engine
	put  func(results []weir.PutResult, err error) ([]weir.PutResult, error)
	read func(from weir.Position, as client.Reading) (weir.Position, client.Reading)
	next func(r *brokenReader, ctx context.Context) (weir.Batch, error)
	done func(r *brokenReader) error
}

type brokenReader struct {
	client.Reader
	stream *broken
	last   weir.Batch
}

func (b *broken) PutRecords(ctx context.Context, entries []weir.Entry) ([]weir.PutResult, error) {
	results, err := b.Engine.PutRecords(ctx, entries)
	if b.put != nil {
		return b.put(results, err)
	}
	return results, err
}

func (b *broken) Read(ctx context.Context, shard weir.ShardID, from weir.Position, as client.Reading) (client.Reader, error) {
	if b.read != nil {
		from, as = b.read(from, as)
	}
	r, err := b.Engine.Read(ctx, shard, from, as)
	if err != nil {
		return nil, err
	}
	return &brokenReader{Reader: r, stream: b}, nil
}

func (r *brokenReader) Next(ctx context.Context) (weir.Batch, error) {
	if r.stream.next != nil {
		return r.stream.next(r, ctx)
	}
	return r.Reader.Next(ctx)
}

func (r *brokenReader) Close() error {
	if r.stream.done != nil {
		return r.stream.done(r)
	}
	return r.Reader.Close()
}

// changed breaks what Next returns.
func changed(change func(r *brokenReader, b *weir.Batch, err *error)) *broken {
	return &broken{next: func(r *brokenReader, ctx context.Context) (weir.Batch, error) {
		b, err := r.Reader.Next(ctx)
		change(r, &b, &err)
		return b, err
	}}
}

// began breaks how Read is called.
func began(change func(from weir.Position, as client.Reading) (weir.Position, client.Reading)) *broken {
	return &broken{read: change}
}

var mutants = map[string]func() *broken{
	"a record is lost": func() *broken {
		return changed(func(r *brokenReader, b *weir.Batch, _ *error) {
			if n := len(b.Records); n > 5 {
				b.Records = slices.Delete(slices.Clone(b.Records), 2, 3)
			}
		})
	},
	"a record comes twice": func() *broken {
		return changed(func(r *brokenReader, b *weir.Batch, _ *error) {
			if n := len(b.Records); n > 5 {
				b.Records = append(slices.Clone(b.Records), b.Records[n-1])
			}
		})
	},
	"records change after the next call": func() *broken {
		return changed(func(r *brokenReader, b *weir.Batch, _ *error) {
			for i := range r.last.Records {
				clear(r.last.Records[i].Data)
			}
			b.Records = slices.Clone(b.Records)
			for i := range b.Records {
				b.Records[i] = b.Records[i].Clone()
			}
			r.last = *b
		})
	},
	"no io.EOF": func() *broken {
		return changed(func(r *brokenReader, b *weir.Batch, err *error) {
			if *err == io.EOF {
				*err = weir.ErrShardNotFound
			}
		})
	},
	"io.EOF without a last batch": func() *broken {
		return changed(func(r *brokenReader, b *weir.Batch, err *error) {
			if b.Last {
				*b, *err = weir.Batch{}, io.EOF
			}
		})
	},
	"children without parents": func() *broken {
		return changed(func(r *brokenReader, b *weir.Batch, _ *error) {
			b.Children = slices.Clone(b.Children)
			for i := range b.Children {
				b.Children[i].Parents = nil
			}
		})
	},
	"no children": func() *broken {
		return changed(func(r *brokenReader, b *weir.Batch, _ *error) { b.Children = nil })
	},
	"Continue is the beginning": func() *broken {
		return changed(func(r *brokenReader, b *weir.Batch, _ *error) { b.Continue = weir.TrimHorizon() })
	},
	"the end is before the last record": func() *broken {
		return changed(func(r *brokenReader, b *weir.Batch, _ *error) {
			if n := len(b.Records); n > 0 {
				r.last.Continue = weir.AtSequence(b.Records[n-1].SequenceNumber)
			}
			if at := r.last.Continue; b.Last && !at.Number().IsZero() {
				b.Continue = at
			}
		})
	},
	"throttles are of another kind": func() *broken {
		return changed(func(r *brokenReader, b *weir.Batch, err *error) {
			if errors.Is(*err, weir.ErrThroughputExceeded) {
				*err = errors.New("slow down")
			}
		})
	},
	"no throttles": func() *broken {
		return began(func(from weir.Position, as client.Reading) (weir.Position, client.Reading) {
			as.Interval = 0
			return from, as
		})
	},
	"latest is the trim horizon": func() *broken {
		return began(func(from weir.Position, as client.Reading) (weir.Position, client.Reading) {
			if from == weir.Latest() {
				from = weir.TrimHorizon()
			}
			return from, as
		})
	},
	"after is at": func() *broken {
		return began(func(from weir.Position, as client.Reading) (weir.Position, client.Reading) {
			if from.Kind() == "AFTER_SEQUENCE_NUMBER" {
				from = weir.AtSequence(from.Number())
			}
			return from, as
		})
	},
	"positions are taken for places": func() *broken {
		return began(func(from weir.Position, as client.Reading) (weir.Position, client.Reading) {
			return client.Place(from), as
		})
	},
	"batches of any size": func() *broken {
		return began(func(from weir.Position, as client.Reading) (weir.Position, client.Reading) {
			as.MaxRecords = max(0, -as.MaxRecords)
			return from, as
		})
	},
	"Next knows no context": func() *broken {
		return &broken{next: func(r *brokenReader, ctx context.Context) (weir.Batch, error) {
			return r.Reader.Next(context.WithoutCancel(ctx))
		}}
	},
	"Close is for later": func() *broken {
		return &broken{done: func(r *brokenReader) error {
			go func() { time.Sleep(time.Hour); _ = r.Reader.Close() }()
			return nil
		}}
	},
	"Close closes once": func() *broken {
		closed := make(map[*brokenReader]bool)
		return &broken{done: func(r *brokenReader) error {
			if closed[r] {
				return weir.ErrClosed
			}
			closed[r] = true
			return r.Reader.Close()
		}}
	},
	"outcomes in another order": func() *broken {
		return &broken{put: func(results []weir.PutResult, err error) ([]weir.PutResult, error) {
			slices.Reverse(results)
			return results, err
		}}
	},
	"what is refused is no outcome": func() *broken {
		return &broken{put: func(results []weir.PutResult, err error) ([]weir.PutResult, error) {
			return slices.DeleteFunc(results, func(r weir.PutResult) bool { return r.Err != nil }), err
		}}
	},
	"a bad call is one of bad records": func() *broken {
		return &broken{put: func(results []weir.PutResult, err error) ([]weir.PutResult, error) {
			if errors.Is(err, weir.ErrInvalidArgument) {
				return []weir.PutResult{{Err: err}}, nil
			}
			return results, err
		}}
	},
}

// mutantName is the variable that says which mutant to test.
const mutantName = "WEIR_CLIENTTEST_MUTANT"

// Each promise that is broken is found. A process of its own tells, since a
// test that has failed cannot be taken back.
func TestRun_findsWhatIsBroken(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(mutants)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRun_mutant$", "-test.timeout=1m")
			cmd.Env = append(os.Environ(), mutantName+"="+name)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "the kit takes it for whole")
			assert.Contains(t, string(out), "TestRun_mutant/", "%s", out)
		})
	}
}

func TestRun_mutant(t *testing.T) {
	name := os.Getenv(mutantName)
	if name == "" {
		t.Skip("for TestRun_findsWhatIsBroken")
	}
	clienttest.Run(t, func(t *testing.T, shards int) client.Stream {
		s, err := weir.NewStream("orders", weir.Config{Shards: shards})
		require.NoError(t, err)
		b := mutants[name]()
		b.Engine = client.Embedded(s)
		return b
	})
}

// A bare stream has nothing but what it must have.
type bare struct{ client.Stream }

func TestRun_takesWhatIsDeclared(t *testing.T) {
	clienttest.Run(t, func(t *testing.T, shards int) client.Stream {
		s, err := weir.NewStream("orders", weir.Config{Shards: shards})
		require.NoError(t, err)
		return bare{client.Embedded(s)}
	}, clienttest.Resharding, clienttest.FanOut, clienttest.SinglePuts)
}
