package consumer_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

// A hung store answers nothing while it hangs, whatever becomes of the context:
// so do files on a disk that is gone.
type hung struct {
	store lease.Memory

	mu      sync.Mutex
	answers chan struct{} // nil if it does not hang
	calls   int           // that hang
}

func (h *hung) hang() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers = make(chan struct{})
}

// goOn answers all that hang.
func (h *hung) goOn() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.answers != nil {
		close(h.answers)
		h.answers = nil
	}
}

func (h *hung) wait() {
	h.mu.Lock()
	answers := h.answers
	if answers != nil {
		h.calls++
	}
	h.mu.Unlock()
	if answers != nil {
		<-answers
		h.mu.Lock()
		h.calls--
		h.mu.Unlock()
	}
}

func (h *hung) waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls
}

func (h *hung) List(context.Context) ([]lease.Lease, error) {
	h.wait()
	return h.store.List(context.Background())
}

func (h *hung) Create(_ context.Context, l lease.Lease) error {
	h.wait()
	return h.store.Create(context.Background(), l)
}

func (h *hung) Update(_ context.Context, l lease.Lease) (lease.Lease, error) {
	h.wait()
	return h.store.Update(context.Background(), l)
}

func (h *hung) Delete(_ context.Context, l lease.Lease) error {
	h.wait()
	return h.store.Delete(context.Background(), l)
}

func TestGroup_aStoreThatHangsHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 200), new(hung), new(diary)
		var late atomic.Int64
		epoch := time.Now()
		g := run(t, config(s, store, "w", func(ctx context.Context, b *consumer.Batch) error {
			late.Store(int64(time.Since(epoch)))
			d.note("w", b)
			return nil
		}))
		defer store.goOn()
		streamtest.Put(t, s, streamtest.Numbered(100, 0, 100)...)
		await(t, "100", func() bool { return d.len() == 100 })
		began := time.Since(epoch)
		store.hang()
		for i := range 3600 {
			streamtest.Put(t, s, streamtest.Numbered(100, 100+i, 101+i)...)
			time.Sleep(time.Second)
		}
		assert.Less(t, time.Duration(late.Load())-began, 10*time.Second, "nothing is processed beyond the lease")
		assert.LessOrEqual(t, store.waiting(), 64, "calls without an answer are bounded")
		assert.Equal(t, int64(200), g.Metrics().Lost)

		store.goOn()
		await(t, "all", func() bool { return distinct(d.texts()) == 3700 })
		inKeyOrder(t, d.texts())
		store.hang()
		time.Sleep(time.Second)
		end := time.Now()
		require.NoError(t, g.End())
		assert.Less(t, time.Since(end), 20*time.Second, "an end is bounded, too")
	})
}

func TestGroup_aStoreThatHangsAtTheBeginningIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(hung)
		store.hang()
		defer store.goOn()
		g, err := consumer.New(config(streamtest.New(t, "orders", 1), store, "w", new(diary).handler("w")))
		require.NoError(t, err)
		began := time.Now()
		err = g.Run(within(t, time.Hour))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "lease store: the store does not answer")
		assert.LessOrEqual(t, time.Since(began), 46*time.Second)

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began = time.Now()
		require.NoError(t, g.Run(ctx))
		assert.LessOrEqual(t, time.Since(began), 2*time.Second, "it can be given up meanwhile")
	})
}
