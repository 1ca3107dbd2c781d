package twins

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/model"
)

// A heldReader reads the whole stream, and the model says whether in order.
type heldReader struct {
	got  *weir.Reader
	want *model.Traversal
}

// A heldPlace is how far a reader had read, as text.
type heldPlace struct {
	text string
	want *model.Traversal
}

const (
	mostReaders = 4
	mostPlaces  = 6
)

// traverse reads the whole stream in order, from old places and from new ones.
func (w *twins) traverse() {
	switch op := w.src.below(8); {
	case op == 0 || len(w.readers) == 0:
		w.beginReader()
	case op < 5:
		w.readSome(w.anyReader(), 1+w.src.below(3))
	case op == 5:
		w.keepPlace(w.anyReader())
	case op == 6:
		w.resumeReader()
	default:
		w.drain(w.anyReader())
	}
}

func (w *twins) anyReader() heldReader { return w.readers[w.src.byte()%len(w.readers)] }

// beginReader begins to read the stream from somewhere.
func (w *twins) beginReader() {
	p, position := w.position()
	w.op = fmt.Sprintf("read the stream from %v", position)
	want, fault := w.want.Traverse(p, w.now)
	got, err := w.got.NewReader("", position)
	if w.sameFault(fault, nil, 0, err) {
		w.holdReader(heldReader{got, want})
	}
}

// holdReader keeps a reader, in place of an older one if there are many.
func (w *twins) holdReader(r heldReader) {
	if len(w.readers) < mostReaders {
		w.readers = append(w.readers, r)
		return
	}
	old := &w.readers[w.src.below(mostReaders)]
	old.got.Close()
	*old = r
}

// readSome reads some batches. It reports whether there may be more.
func (w *twins) readSome(r heldReader, batches int) bool {
	w.op = "read the stream"
	for range batches {
		b, err := r.got.TryNext()
		require.NoError(w.t, err, w.op)
		records := b.Records
		if len(records) == 0 {
			require.Zero(w.t, r.want.Rest(w.now), "%s at %v: the reader leaves records out", w.op, w.clock().UTC())
			return false
		}
		err = r.want.Take(int(records[0].ShardID()), recordsOf(records), w.now)
		require.NoError(w.t, err, "%s at %v", w.op, w.clock().UTC())
	}
	return true
}

// drain reads all there is.
func (w *twins) drain(r heldReader) {
	for w.readSome(r, 1) {
	}
}

// place returns how far a reader has read.
func place(r heldReader) heldPlace { return heldPlace{r.got.Positions().String(), r.want.Clone()} }

func (w *twins) keepPlace(r heldReader) {
	w.op = "keep positions"
	w.compareProgress(r)
	if len(w.places) < mostPlaces {
		w.places = append(w.places, place(r))
	} else {
		w.places[w.src.below(mostPlaces)] = place(r)
	}
}

// compareProgress compares what positions say of each shard with what was
// given.
func (w *twins) compareProgress(r heldReader) {
	p := r.got.Positions()
	for _, sh := range w.want.Shards(w.now) {
		least, most, all := r.want.Given(sh.ID, w.now)
		switch n, finished := p.Of(weir.ShardID(sh.ID)); {
		case finished:
			require.True(w.t, all, "%s: %v is not read to its end", w.op, sh.ID)
		case !n.IsZero():
			given, ok := w.want.Shard(sh.ID).Place(n.Index())
			require.True(w.t, ok, "%s: %v: a position in a gap", w.op, sh.ID)
			require.GreaterOrEqual(w.t, int(given), least, "%s: %v", w.op, sh.ID)
			require.LessOrEqual(w.t, int(given), most, "%s: %v", w.op, sh.ID)
		default:
			require.Zero(w.t, least, "%s: %v was begun", w.op, sh.ID)
		}
	}
}

// resumeReader continues where some reader stood at some time.
func (w *twins) resumeReader() {
	if len(w.places) > 0 {
		w.holdReader(w.resume(w.places[w.src.byte()%len(w.places)]))
	}
}

func (w *twins) resume(p heldPlace) heldReader {
	w.op = "resume at " + p.text
	positions, err := weir.ParsePositions(p.text)
	require.NoError(w.t, err, w.op)
	got, err := w.got.NewReader("", weir.Resume(positions, weir.TrimHorizon()))
	require.NoError(w.t, err, w.op)
	return heldReader{got, p.want.Clone()}
}

// finishReaders reads all there is through every reader and from every place.
func (w *twins) finishReaders() {
	for _, r := range w.readers {
		w.drain(r)
	}
	for _, p := range w.places {
		w.drain(w.resume(p))
	}
}
