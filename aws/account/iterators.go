package account

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/weirstream/weir"
)

// GetShardIterator issues a shard iterator, which expires after 300 s. Shard
// ids are read leniently: what follows the first hyphen counts.
func (a *Account) GetShardIterator(ctx context.Context, in *GetShardIteratorInput) (*GetShardIteratorOutput, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if in == nil {
		in = &GetShardIteratorInput{}
	}
	if in.ShardId == nil {
		return nil, missing("shardId")
	}
	if in.ShardIteratorType == nil {
		return nil, missing("shardIteratorType")
	}
	st, shard, err := a.shardOf(StreamRef{value(in.StreamName), value(in.StreamARN)}, *in.ShardId)
	if err != nil {
		return nil, err
	}
	if err := st.takeDryRun(value(in.DryRun)); err != nil {
		return nil, err
	}
	at := startingAt{kind: *in.ShardIteratorType, number: in.StartingSequenceNumber, time: in.Timestamp}
	from, err := st.position(shard, at)
	if err != nil {
		return nil, err
	}
	if err := st.takeIterator(shard); err != nil {
		return nil, err
	}
	it, err := st.engine.Iterator(ctx, shard, from)
	if err != nil {
		return nil, st.positionRefused(err, shard, at)
	}
	if value(in.DryRun) {
		return nil, errorf(CodeDryRun, msgDryRun)
	}
	return &GetShardIteratorOutput{ShardIterator: st.token(it)}, nil
}

// shardOf returns the stream and the id of a shard of it. That there is no such
// stream is said of the shard.
func (a *Account) shardOf(ref StreamRef, text string) (*stream, weir.ShardID, error) {
	shard, err := weir.ParseShardID(text)
	if err != nil {
		return nil, 0, a.shardNotFound(text, a.nameOf(ref))
	}
	name, err := a.resolve(ref)
	if err != nil {
		var e *Error
		if errors.As(err, &e) && e.Code == CodeResourceNotFound {
			err = a.shardGone(shard, a.nameOf(ref))
		}
		return nil, 0, err
	}
	st := a.serving(name)
	if st == nil {
		return nil, 0, a.shardGone(shard, name)
	}
	if _, ok := st.shard(shard); !ok {
		return nil, 0, a.shardGone(shard, name)
	}
	return st, shard, nil
}

// startingAt is where an iterator or a subscription is to begin, as it was
// asked for.
type startingAt struct {
	kind   string
	number *string
	time   *time.Time
}

// position returns the engine's position for it.
func (st *stream) position(shard weir.ShardID, at startingAt) (weir.Position, error) {
	switch at.kind {
	case IteratorAtSequenceNumber, IteratorAfterSequenceNumber:
		if at.number == nil {
			return weir.Position{}, errorf(CodeInvalidArgument, msgIteratorType, at.kind, "no StartingSequenceNumber")
		}
		return st.positionAtNumber(shard, at)
	case IteratorTrimHorizon, IteratorLatest, IteratorAtTimestamp:
		if at.number != nil {
			return weir.Position{}, errorf(CodeInvalidArgument, msgIteratorType, at.kind, "also a StartingSequenceNumber")
		}
	default:
		return weir.Position{}, invalid(quoted(at.kind), "shardIteratorType",
			"Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]")
	}
	switch at.kind {
	case IteratorTrimHorizon:
		return weir.TrimHorizon(), nil
	case IteratorLatest:
		return weir.Latest(), nil
	}
	if at.time == nil {
		return weir.Position{}, errorf(CodeInvalidArgument, msgNoTimestamp)
	}
	if now := st.clock.read(); at.time.UnixMilli() > now.UnixMilli() {
		return weir.Position{}, errorf(CodeInvalidArgument, msgFutureTimestamp, at.time.UnixMilli(), now.UnixMilli())
	}
	return weir.AtTime(*at.time), nil
}

func (st *stream) positionAtNumber(shard weir.ShardID, at startingAt) (weir.Position, error) {
	if *at.number == "0" && shard == 0 { // the service fails likewise
		return weir.Position{}, internalFailure()
	}
	n, err := weir.ParseSequenceNumber(*at.number)
	if err != nil {
		return weir.Position{}, errorf(CodeInvalidArgument, msgNumberInvalid, *at.number, shard, st.name, st.a.config.ID)
	}
	if at.kind == IteratorAtSequenceNumber {
		return weir.AtSequence(n), nil
	}
	if sh, ok := st.shard(shard); ok && !sh.IsOpen() && n == sh.EndingSequenceNumber {
		return weir.Position{}, errorf(CodeInvalidArgument, msgNumberIsEnd)
	}
	return weir.AfterSequence(n), nil
}

// positionRefused words why the engine refused a position.
func (st *stream) positionRefused(err error, shard weir.ShardID, at startingAt) error {
	var e *weir.SequenceNumberError
	switch {
	case errors.Is(err, weir.ErrShardNotFound):
		return st.a.shardGone(shard, st.name)
	case !errors.As(err, &e):
		return st.a.translate(err)
	case e.Encodes != e.Shard:
		return errorf(CodeInvalidArgument, msgNumberOfOther, e.Encodes, e.Shard)
	case e.Malformed:
		return errorf(CodeInvalidArgument, msgNumberInvalid, value(at.number), shard, st.name, st.a.config.ID)
	default:
		return errorf(CodeInvalidArgument, msgNumberForeign, value(at.number), shard, st.name, st.a.config.ID)
	}
}

// A shard iterator is base64 throughout: a head of eighteen bytes, which makes
// twenty-four characters, and the engine's token. The head says the shard, so
// that there are words for it when the stream is gone, and has a checksum that
// also covers the account, so that an iterator means nothing to another one.
const (
	sealBytes   = 6 // of the account
	sumBytes    = 6
	headVersion = "\x00\x00\x00\x00\x00\x00\x00\x01" // as the service's begin
	headBytes   = len(headVersion) + sumBytes + 4
	headChars   = headBytes / 3 * 4
	maxIterator = 512 // characters
)

// token returns an iterator as text.
func (st *stream) token(it weir.Iterator) string {
	var head [headBytes]byte
	b := append(head[:0], headVersion...)
	sum := st.a.headSum(it.ShardID())
	b = append(b, sum[:]...)
	binary.BigEndian.AppendUint32(b, uint32(it.ShardID()))
	return base64.StdEncoding.EncodeToString(head[:]) + st.engine.Token(it)
}

// splitToken returns the shard that an iterator's text names, and the engine's
// token. A pair of double quotes around the text is taken off, as on the
// service.
func (a *Account) splitToken(text string) (weir.ShardID, string, error) {
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		text = text[1 : n-1]
	}
	if len(text) <= headChars || len(text) > maxIterator {
		return 0, "", badIterator()
	}
	head, err := base64.StdEncoding.DecodeString(text[:headChars])
	if err != nil || len(head) != headBytes || string(head[:len(headVersion)]) != headVersion {
		return 0, "", badIterator()
	}
	head = head[len(headVersion):]
	shard := weir.ShardID(binary.BigEndian.Uint32(head[sumBytes:]))
	if sum := a.headSum(shard); string(head[:sumBytes]) != string(sum[:]) || shard < 0 {
		return 0, "", badIterator()
	}
	return shard, text[headChars:], nil
}

// badIterator is for what is no iterator of this account.
func badIterator() error { return errorf(CodeInvalidArgument, msgBadIterator) }

// headSum is the checksum of an iterator's head.
func (a *Account) headSum(shard weir.ShardID) (sum [sumBytes]byte) {
	var b [sealBytes + 4]byte
	copy(b[:], a.seal[:])
	binary.BigEndian.PutUint32(b[sealBytes:], uint32(shard))
	all := sha256.Sum256(b[:])
	copy(sum[:], all[:])
	return sum
}

// ParseIterator returns the engine's stream and iterator that the text of a
// shard iterator stands for. Whether it has expired is for a read to say.
func (a *Account) ParseIterator(text string) (*weir.Stream, weir.Iterator, error) {
	st, it, err := a.iterator(text, "")
	if err != nil {
		return nil, it, err
	}
	return st.engine, it, nil
}

// RenewIterator returns a new shard iterator for the shard of one, wherever that
// is and whether it has expired or not. It spends no call rate.
func (a *Account) RenewIterator(ctx context.Context, text string, from weir.Position) (string, error) {
	st, old, err := a.iterator(text, "")
	if err != nil {
		return "", err
	}
	it, err := st.engine.Iterator(ctx, old.ShardID(), from)
	if err != nil {
		return "", err
	}
	return st.token(it), nil
}
