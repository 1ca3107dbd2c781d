package window_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/window"
)

// Results go into another stream, in order, whatever its limits.
func TestToStream_keepsTheOrderOfAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, "s", 1)
		limits := weir.Unlimited()
		limits.WriteRecordsPerSecond = 3
		out, err := weir.NewStream("out", weir.Config{Limits: limits})
		require.NoError(t, err)
		c := counting{Windows: window.Tumbling(time.Second, window.Count[*weir.Record]()), Handler: window.ToStream[int64](client.Embedded(out), nil), Group: groupOf(s, new(lease.Memory))}
		_, end := running(t, c)
		for i := range 20 {
			put(t, s, slices.Repeat([]string{"a", "b"}, i+1)...)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		require.NoError(t, end())
		var got []string
		for r, err := range out.Records(t.Context(), weir.TrimHorizon().ToTip()) {
			require.NoError(t, err)
			if r.PartitionKey == "a" {
				got = append(got, string(r.Data))
			}
		}
		require.Len(t, got, 19)
		require.Equal(t, `{"id":"1:a/946684800000-946684801000","key":"a","start":"2000-01-01T00:00:00Z","end":"2000-01-01T00:00:01Z","kind":"final","records":1,"revision":0,"value":1}`, got[0])
		for i, line := range got {
			require.True(t, strings.HasSuffix(line, fmt.Sprintf(`"records":%d,"revision":0,"value":%d}`, i+1, i+1)), line)
		}
		require.ErrorIs(t, window.ToStream[int64](nil, nil)(t.Context(), nil), weir.ErrInvalidArgument)
	})
}

// A result that a stream never takes, or that no record can be made of, is set
// aside with the reason. The shard goes on, and all others are put once and in
// their order.
func TestToStream_setsAsideWhatTheStreamNeverTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, "s", 1)
		limits := weir.Unlimited()
		limits.RecordBytes = 100
		out, err := weir.NewStream("out", weir.Config{Limits: limits})
		require.NoError(t, err)
		encode := func(r window.Result[int64]) (weir.Entry, error) {
			e := weir.Entry{PartitionKey: r.Key, Data: []byte(fmt.Sprint(r.Key, " ", r.Value))}
			switch r.Key {
			case "empty":
				e.PartitionKey = ""
			case "large":
				e.Data = make([]byte, 100)
			case "long":
				e.PartitionKey = strings.Repeat("k", 257)
			case "none":
				return e, errors.New("no record")
			}
			return e, nil
		}
		var aside []string
		c := counting{Windows: window.Tumbling(time.Second, window.Count[*weir.Record]()), Handler: window.ToStream(client.Embedded(out), encode), Group: groupOf(s, new(lease.Memory))}
		c.Aside = func(_ context.Context, list []window.Rejected[*weir.Record]) error {
			for _, r := range list {
				var one *window.ResultError[int64]
				require.ErrorAs(t, r.Err, &one)
				assert.Equal(t, []any{one.Result.Key, one.Result.Window.Start, "s"}, []any{r.Event.Key, r.Event.Time, r.Stream})
				aside = append(aside, fmt.Sprint(one.Result.Key, " ", one.Result.Value, ": ", one.Err))
			}
			return nil
		}
		w, end := running(t, c)
		keys := []string{"a", "empty", "b", "large", "long", "none", "z"}
		for range 3 {
			put(t, s, keys...)
			time.Sleep(time.Second)
		}
		put(t, s, "last")
		time.Sleep(2 * time.Second)
		require.NoError(t, end())
		var got []string
		for r, err := range out.Records(t.Context(), weir.TrimHorizon().ToTip()) {
			require.NoError(t, err)
			got = append(got, string(r.Data))
		}
		assert.Equal(t, slices.Repeat([]string{"a 1", "b 1", "z 1"}, 3), got)
		require.Len(t, aside, 12)
		for i, want := range []string{"empty 1: ", "large 1: ", "long 1: ", "none 1: no record"} {
			assert.Contains(t, aside[i], want)
		}
		assert.Contains(t, aside[0], "partition key: is empty")
		assert.Contains(t, aside[1], "105 bytes; at most 100 are allowed")
		assert.Contains(t, aside[2], "257 characters; at most 256 are allowed")
		m := w.Metrics()
		assert.Equal(t, []int64{21, 12, 0}, []int64{m.Final, m.Rejected, m.Failures})
	})
}
