package tail_test

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/cmd/weir/internal/tail"
)

// An away is a stream whose calls to read fail, with an error each.
type away struct {
	client.Stream
	errs []error
	n    atomic.Int64
}

func (s *away) fail() error {
	if n := int(s.n.Add(1)) - 1; n < len(s.errs) {
		return s.errs[n]
	}
	return nil
}

func (s *away) Read(ctx context.Context, id weir.ShardID, from weir.Position, as client.Reading) (client.Reader, error) {
	if err := s.fail(); err != nil {
		return nil, err
	}
	r, err := s.Stream.Read(ctx, id, from, as)
	return &awayReader{r, s}, err
}

type awayReader struct {
	client.Reader
	s *away
}

func (r *awayReader) Next(ctx context.Context) (weir.Batch, error) {
	if err := r.s.fail(); err != nil {
		return weir.Batch{}, err
	}
	return r.Reader.Next(ctx)
}

var (
	refusedConnection error = &smithy.OperationError{OperationName: "GetRecords", Err: syscall.ECONNREFUSED}
	internalFailure   error = &smithy.GenericAPIError{Code: "InternalFailure", Fault: smithy.FaultServer}
	noSuchStream      error = &smithy.GenericAPIError{Code: "ResourceNotFoundException", Fault: smithy.FaultClient}
)

// A followed stream whose server was restarted ended the reading.
func TestRead_waitsForWhatIsAwayWhenItFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, 1)
		put(t, s, "k", "a")
		put(t, s, "k", "b")
		gone := &away{Stream: client.Embedded(s), errs: []error{refusedConnection, internalFailure, nil, refusedConnection, nil, internalFailure}}
		var lost []error
		var got []string
		enough := errors.New("enough")
		err := tail.Read(t.Context(), tail.Request{Stream: gone, Follow: true, Lost: func(err error) { lost = append(lost, err) }}, func(r tail.Record) error {
			if got = append(got, string(r.Data)); len(got) == 2 {
				go put(t, s, "k", "c")
			}
			if len(got) == 3 {
				return enough
			}
			return nil
		})
		require.ErrorIs(t, err, enough)
		assert.Equal(t, []string{"a", "b", "c"}, got)
		assert.Equal(t, []error{refusedConnection, internalFailure, refusedConnection, internalFailure}, lost)
	})
}

func TestRead_endsWhereWaitingHelpsNobody(t *testing.T) {
	s := newStream(t, 1)
	lost := func(err error) { t.Errorf("told of %v", err) }
	none := func(tail.Record) error { return nil }
	err := tail.Read(t.Context(), tail.Request{Stream: &away{Stream: client.Embedded(s), errs: []error{noSuchStream}}, Follow: true, Lost: lost}, none)
	assert.ErrorIs(t, err, noSuchStream, "it is not there")
	err = tail.Read(t.Context(), tail.Request{Stream: &away{Stream: client.Embedded(s), errs: []error{nil, refusedConnection}}, Lost: lost}, none)
	assert.ErrorIs(t, err, refusedConnection, "it does not follow")
}
