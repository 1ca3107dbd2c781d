package leasetest_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/lease/leasetest"
)

// A broken store is Memory but for one promise.
type broken struct {
	lease.Memory
	list   func(list []lease.Lease) []lease.Lease
	create func(b *broken, l lease.Lease) error
	update func(b *broken, ctx context.Context, l lease.Lease) (lease.Lease, error)
	del    func(b *broken, ctx context.Context, l lease.Lease) error
}

func (b *broken) List(ctx context.Context) ([]lease.Lease, error) {
	list, err := b.Memory.List(ctx)
	if b.list != nil {
		list = b.list(list)
	}
	return list, err
}

func (b *broken) Create(ctx context.Context, l lease.Lease) error {
	if b.create != nil {
		return b.create(b, l)
	}
	return b.Memory.Create(ctx, l)
}

func (b *broken) Update(ctx context.Context, l lease.Lease) (lease.Lease, error) {
	if b.update != nil {
		return b.update(b, ctx, l)
	}
	return b.Memory.Update(ctx, l)
}

func (b *broken) Delete(ctx context.Context, l lease.Lease) error {
	if b.del != nil {
		return b.del(b, ctx, l)
	}
	return b.Memory.Delete(ctx, l)
}

// at returns the lease of a key.
func (b *broken) at(key string) (l lease.Lease, there bool) {
	list, _ := b.Memory.List(context.Background())
	i := slices.IndexFunc(list, func(l lease.Lease) bool { return l.Key == key })
	if i < 0 {
		return l, false
	}
	return list[i], true
}

// forgetting loses a field of each lease that is listed.
func forgetting(change func(l *lease.Lease)) *broken {
	return &broken{list: func(list []lease.Lease) []lease.Lease {
		for i := range list {
			change(&list[i])
		}
		return list
	}}
}

// answering breaks what Update returns.
func answering(change func(b *broken, l lease.Lease, err error) (lease.Lease, error)) *broken {
	return &broken{update: func(b *broken, ctx context.Context, l lease.Lease) (lease.Lease, error) {
		got, err := b.Memory.Update(ctx, l)
		return change(b, got, err)
	}}
}

var mutants = map[string]func() *broken{
	"no owner":      func() *broken { return forgetting(func(l *lease.Lease) { l.Owner = "" }) },
	"no wanted":     func() *broken { return forgetting(func(l *lease.Lease) { l.Wanted = "" }) },
	"no stream":     func() *broken { return forgetting(func(l *lease.Lease) { l.Stream = "" }) },
	"no switches":   func() *broken { return forgetting(func(l *lease.Lease) { l.Switches = 0 }) },
	"no index":      func() *broken { return forgetting(func(l *lease.Lease) { l.Checkpoint.Sub = 0 }) },
	"no state":      func() *broken { return forgetting(func(l *lease.Lease) { l.State = nil }) },
	"no parents":    func() *broken { return forgetting(func(l *lease.Lease) { l.Parents = nil }) },
	"no children":   func() *broken { return forgetting(func(l *lease.Lease) { l.Children = nil }) },
	"no hash key":   func() *broken { return forgetting(func(l *lease.Lease) { l.LastHashKey = "" }) },
	"no throughput": func() *broken { return forgetting(func(l *lease.Lease) { l.Throughput = 0 }) },
	"counters of 32 bits": func() *broken {
		return forgetting(func(l *lease.Lease) { l.Counter = int64(int32(l.Counter)) })
	},
	"another order": func() *broken {
		return &broken{list: func(list []lease.Lease) []lease.Lease { slices.Reverse(list); return list }}
	},
	"a page of a list": func() *broken {
		return &broken{list: func(list []lease.Lease) []lease.Lease { return list[:min(len(list), 100)] }}
	},
	"an update of anything": func() *broken {
		return &broken{update: func(b *broken, ctx context.Context, l lease.Lease) (lease.Lease, error) {
			if was, there := b.at(l.Key); there {
				l.Counter = was.Counter
			}
			return b.Memory.Update(ctx, l)
		}}
	},
	"an update that looks, then writes": func() *broken {
		return &broken{update: func(b *broken, ctx context.Context, l lease.Lease) (lease.Lease, error) {
			if was, there := b.at(l.Key); !there || was.Counter != l.Counter || l.Check() != nil || ctx.Err() != nil {
				return b.Memory.Update(ctx, l)
			}
			for range 10 {
				runtime.Gosched() // others look as well
			}
			for {
				was, there := b.at(l.Key)
				m := l
				m.Counter = was.Counter
				if !there { // deleted meanwhile
					return b.Memory.Update(ctx, l)
				}
				if got, err := b.Memory.Update(ctx, m); err == nil {
					return got, nil
				}
			}
		}}
	},
	"a conflict without what is there": func() *broken {
		return answering(func(_ *broken, l lease.Lease, err error) (lease.Lease, error) {
			if err != nil {
				return lease.Lease{}, err
			}
			return l, nil
		})
	},
	"a conflict of its own": func() *broken {
		return answering(func(_ *broken, l lease.Lease, err error) (lease.Lease, error) {
			if errors.Is(err, lease.ErrConflict) {
				err = errors.New("the row has changed")
			}
			return l, err
		})
	},
	"an answer before the update": func() *broken {
		return answering(func(_ *broken, l lease.Lease, err error) (lease.Lease, error) {
			if err == nil {
				l.Counter--
			}
			return l, err
		})
	},
	"an update makes a lease": func() *broken {
		return &broken{update: func(b *broken, ctx context.Context, l lease.Lease) (lease.Lease, error) {
			if _, there := b.at(l.Key); !there {
				_ = b.Memory.Create(ctx, l)
			}
			return b.Memory.Update(ctx, l)
		}}
	},
	"a create of what is there": func() *broken {
		return &broken{create: func(b *broken, l lease.Lease) error {
			if was, there := b.at(l.Key); there {
				_ = b.Memory.Delete(context.Background(), was)
			}
			return b.Memory.Create(context.Background(), l)
		}}
	},
	"a create from zero": func() *broken {
		return &broken{create: func(b *broken, l lease.Lease) error {
			if l.Counter > 0 {
				l.Counter = 0
			}
			return b.Memory.Create(context.Background(), l)
		}}
	},
	"a create knows no context": func() *broken {
		return &broken{create: func(b *broken, l lease.Lease) error { return b.Memory.Create(context.Background(), l) }}
	},
	"a delete of anything": func() *broken {
		return &broken{del: func(b *broken, ctx context.Context, l lease.Lease) error {
			if was, there := b.at(l.Key); there {
				l.Counter = was.Counter
			}
			return b.Memory.Delete(ctx, l)
		}}
	},
	"a delete of nothing is a conflict": func() *broken {
		return &broken{del: func(b *broken, ctx context.Context, l lease.Lease) error {
			if _, there := b.at(l.Key); !there {
				return lease.ErrConflict
			}
			return b.Memory.Delete(ctx, l)
		}}
	},
	"a delete deletes nothing": func() *broken {
		return &broken{del: func(b *broken, ctx context.Context, l lease.Lease) error { return l.Check() }}
	},
	"a large state is cut": func() *broken {
		return &broken{create: func(b *broken, l lease.Lease) error {
			l.State = l.State[:min(len(l.State), 64<<10)]
			return b.Memory.Create(context.Background(), l)
		}}
	},
}

// mutantName is the variable that says which mutant to test.
const mutantName = "WEIR_LEASETEST_MUTANT"

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
			assert.NotContains(t, string(out), "panic:", "%s", out)
		})
	}
}

func TestRun_mutant(t *testing.T) {
	name := os.Getenv(mutantName)
	if name == "" {
		t.Skip("for TestRun_findsWhatIsBroken")
	}
	leasetest.Run(t, func(t *testing.T) func() lease.Store {
		b := mutants[name]()
		return func() lease.Store { return b }
	})
}
