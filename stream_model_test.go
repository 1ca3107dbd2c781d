package weir_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/model"
)

var (
	seedFlag      = flag.Uint64("seed", 0, "seed of the random tests; zero takes one from the clock")
	historiesFlag = flag.Int("histories", 300, "how many random histories to compare with the model")
)

// seed returns the seed of a random test and prints it.
func seed(t testing.TB) uint64 {
	s := *seedFlag
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed=%d", s)
	return s
}

func TestStream_agreesWithModel(t *testing.T) { agreeWithModel(t, false) }

func TestStream_hollowAgreesWithModel(t *testing.T) { agreeWithModel(t, true) }

func agreeWithModel(t *testing.T, hollow bool) {
	t.Parallel()
	base := seed(t)
	for i := range *historiesFlag {
		rng := rand.New(rand.NewPCG(base, uint64(i)))
		ops := make([]byte, 100+rng.IntN(1500))
		for j := range ops {
			ops[j] = byte(rng.Uint32())
		}
		if !t.Run(fmt.Sprint(i), func(t *testing.T) { runTwins(t, hollow, ops) }) {
			return
		}
	}
}

func FuzzStream(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 20 {
		ops := make([]byte, 300)
		for j := range ops {
			ops[j] = byte(rng.Uint32())
		}
		f.Add(i%2 == 1, ops)
	}
	f.Fuzz(func(t *testing.T, hollow bool, ops []byte) {
		if len(ops) > 2000 {
			t.Skip("too long to be done in time")
		}
		runTwins(t, hollow, ops)
	})
}

// readAll compares what each shard holds, and the stream as a whole.
func (w *twins) readAll() {
	w.compareCapacity() // listing shards below does the same
	w.op = "read all"
	whole := make(map[weir.ShardID][]weir.Record)
	for r, err := range w.got.AllToTip(w.t.Context(), weir.TrimHorizon()) {
		require.NoError(w.t, err)
		for _, child := range w.got.Shards() {
			if child.ID == r.ShardID() {
				continue
			}
			for _, parent := range child.Parents {
				require.False(w.t, parent == r.ShardID() && len(whole[child.ID]) > 0, "a child was read before its parent")
			}
		}
		whole[r.ShardID()] = append(whole[r.ShardID()], r)
	}
	for _, sh := range w.want.Shards(w.now) {
		id := weir.ShardID(sh.ID)
		want := w.want.Readable(sh.ID, w.now)
		var records []weir.Record
		for r, err := range w.got.RecordsToTip(w.t.Context(), id, weir.TrimHorizon()) {
			require.NoError(w.t, err)
			records = append(records, r)
		}
		w.sameRecords(want, records)
		w.sameRecords(want, whole[id])
		delete(whole, id)
	}
	require.Empty(w.t, whole)
}

// compareMetrics compares the totals and what is held.
func (w *twins) compareMetrics() {
	w.op = "metrics"
	w.want.CatchUp(w.now)
	snap, want := w.got.Snapshot(), w.want.Counts
	records, bytes := w.want.Held(w.now)
	w.equal([2]int64{records, bytes}, [2]int64{snap.RecordsHeld, snap.BytesHeld})
	t := snap.Total
	w.equal(want, model.Counts{
		Records: t.IncomingRecords, Bytes: t.IncomingBytes, Throttled: t.WriteThrottled, Refused: t.RefusedRecords,
		Dropped: t.DroppedRecords, DroppedBytes: t.DroppedBytes, Reads: t.GetRecordsCalls, ReadThrottled: t.ReadThrottled,
		ReadRecords: t.GetRecordsRecords, ReadBytes: t.GetRecordsBytes,
		BatchCalls: t.PutRecordsCalls, BatchOK: t.PutRecordsSuccess, BatchTotal: t.PutRecordsTotalRecords,
	})
}
