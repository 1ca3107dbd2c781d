package twins

import (
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/model"
)

// readAll compares what each shard holds, and the stream as a whole.
func (w *twins) readAll() {
	w.compareCapacity() // listing shards below does the same
	w.op = "read all"
	whole := make(map[weir.ShardID][]weir.Record)
	for r, err := range w.got.Records(w.t.Context(), weir.TrimHorizon().ToTip()) {
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
		for r, err := range w.got.Records(w.t.Context(), weir.TrimHorizon().In(id).ToTip()) {
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
