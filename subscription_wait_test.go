package weir_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// A happening is an event and when it came.
type happening struct {
	at      time.Duration
	records int
	bytes   int
	behind  time.Duration
	last    bool
	kidsToo int
}

func size(records []weir.Record) (n int) {
	for _, r := range records {
		n += r.Size()
	}
	return n
}

// Wait and TryNext give the events that Next gives, when it does.
func TestSubscription_waitsAsNextDoes(t *testing.T) {
	for _, delay := range []time.Duration{0, 70 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			s := newStream(t, weir.Config{FanOutDelay: delay, Limits: weir.Limits{WriteBytesPerSecond: -1}})
			begin := time.Now()
			collect := func(name string, next func(*weir.Subscription) (weir.Batch, error)) <-chan []happening {
				mustRegister(t, s, name)
				sub := mustSubscribe(t, s, name, 0, weir.Position{})
				all := make(chan []happening, 1)
				go func() {
					var list []happening
					for {
						b, err := next(sub)
						if err != nil {
							assert.Equal(t, io.EOF, err)
							all <- list
							return
						}
						list = append(list, happening{time.Since(begin), len(b.Records), size(b.Records), b.Behind, b.Last, len(b.Children)})
					}
				}()
				return all
			}
			want := collect("next", func(sub *weir.Subscription) (weir.Batch, error) { return sub.Next(t.Context()) })
			got := collect("wait", func(sub *weir.Subscription) (weir.Batch, error) {
				for {
					if err := sub.Wait(t.Context()); err != nil {
						return weir.Batch{}, err
					}
					if b, ok, err := sub.TryNext(); ok || err != nil {
						return b, err
					}
				}
			})
			synctest.Wait() // both have the first event, which is due at once, before the first record
			for i := range 40 {
				time.Sleep(time.Duration(i*137%900) * time.Millisecond)
				mustPut(t, s, "k", text(i*50_000%900_001))
			}
			time.Sleep(time.Second) // or the last record may come with the end
			_, err := s.SplitShard(t.Context(), 0, weir.EvenRanges(2)[1].Start)
			require.NoError(t, err)
			list := <-want
			assert.Equal(t, list, <-got)
			assert.Equal(t, 2, list[len(list)-1].kidsToo)
		})
	}
}

func TestSubscription_waitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		mustRegister(t, s, "c")
		sub := mustSubscribe(t, s, "c", 0, weir.Position{})
		_, ok, err := sub.TryNext()
		require.NoError(t, err)
		require.True(t, ok, "the first event is due at once")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, sub.Wait(ctx), context.DeadlineExceeded)
		time.AfterFunc(time.Second, sub.Close)
		assert.NoError(t, sub.Wait(t.Context()))
		_, _, err = sub.TryNext()
		assert.ErrorIs(t, err, weir.ErrClosed)
		assert.NoError(t, (*weir.Subscription)(nil).Wait(t.Context()))
	})
}
