package account

import (
	"context"
	"errors"
	"math/big"

	"github.com/weirstream/weir"
)

// PutRecord puts a record. Past a limit of the shard it is refused with
// ProvisionedThroughputExceededException and nothing is stored.
func (a *Account) PutRecord(ctx context.Context, in *PutRecordInput) (*PutRecordOutput, error) {
	if in == nil {
		in = &PutRecordInput{}
	}
	st, err := a.writable(ctx, StreamRef{value(in.StreamName), value(in.StreamARN)}, value(in.DryRun))
	if err != nil {
		return nil, err
	}
	e, err := entryOf(in.PartitionKey, in.ExplicitHashKey, in.Data)
	if err != nil {
		return nil, err
	}
	if e.SequenceNumberForOrdering, err = st.orderingNumber(in.SequenceNumberForOrdering); err != nil {
		return nil, err
	}
	if value(in.DryRun) {
		if at := e.SequenceNumberForOrdering; at.Time().After(st.clock.read()) {
			return nil, errorf(CodeInvalidArgument, msgOrdering, at, st.name, a.config.ID)
		}
		return nil, st.dryPut([]weir.Entry{e}, false)
	}
	r, encryption, err := st.put(ctx, e)
	if err != nil {
		return nil, err
	}
	return &PutRecordOutput{
		ShardId: r.ShardID.String(), SequenceNumber: r.SequenceNumber.String(), EncryptionType: encryption,
	}, nil
}

// PutRecordEntry is [Account.PutRecord] in the engine's types. encryption is
// KMS while the stream is encrypted, else "".
func (a *Account) PutRecordEntry(ctx context.Context, ref StreamRef, e weir.Entry) (r weir.Placed, encryption string, err error) {
	st, err := a.writable(ctx, ref, false)
	if err != nil {
		return weir.Placed{}, "", err
	}
	return st.put(ctx, e)
}

// PutRecords puts up to 500 records. One that a limit refuses does not stop the
// others: its entry of the output has an ErrorCode. With an error nothing was
// stored.
func (a *Account) PutRecords(ctx context.Context, in *PutRecordsInput) (*PutRecordsOutput, error) {
	if in == nil {
		in = &PutRecordsInput{}
	}
	st, err := a.writable(ctx, StreamRef{value(in.StreamName), value(in.StreamARN)}, value(in.DryRun))
	if err != nil {
		return nil, err
	}
	entries := make([]weir.Entry, len(in.Records))
	for i, r := range in.Records {
		if entries[i], err = entryOf(r.PartitionKey, r.ExplicitHashKey, r.Data); err != nil {
			return nil, err
		}
	}
	if value(in.DryRun) {
		return nil, st.dryPut(entries, true)
	}
	results, encryption, err := st.putAll(ctx, entries)
	if err != nil {
		return nil, err
	}
	out := &PutRecordsOutput{Records: make([]PutRecordsResultEntry, len(results)), EncryptionType: encryption}
	for i := range results {
		r := &out.Records[i]
		if err := results[i].Err; err != nil {
			out.FailedRecordCount++
			r.ErrorCode, r.ErrorMessage = a.EntryError(err)
			continue
		}
		r.ShardId, r.SequenceNumber = results[i].ShardID.String(), results[i].SequenceNumber.String()
	}
	return out, nil
}

// PutRecordsEntries is [Account.PutRecords] in the engine's types, for callers
// who have many records to put: see [weir.Stream.PutRecords] for results, and
// [Account.EntryError] for how the service words the errors in them. encryption
// is KMS while the stream is encrypted, else "".
func (a *Account) PutRecordsEntries(ctx context.Context, ref StreamRef, entries []weir.Entry) (results []weir.PutResult, encryption string, err error) {
	st, err := a.writable(ctx, ref, false)
	if err != nil {
		return nil, "", err
	}
	return st.putAll(ctx, entries)
}

// writable returns the stream that ref names if it takes records. A dry run is
// one call of the rate that dry runs have.
func (a *Account) writable(ctx context.Context, ref StreamRef, dry bool) (*stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	name, err := a.resolve(ref)
	if err != nil {
		return nil, err
	}
	st := a.serving(name)
	if st == nil {
		return nil, a.streamNotFound(name)
	}
	return st, st.takeDryRun(dry)
}

// put puts a record, and says what became of it and how records are encrypted.
func (st *stream) put(ctx context.Context, e weir.Entry) (r weir.Placed, encryption string, err error) {
	if r, err = st.engine.Put(ctx, e); err != nil {
		return weir.Placed{}, "", st.putRefused(err, []weir.Entry{e}, false)
	}
	return r, st.putEncryption(), nil
}

// putAll is put for the records of a PutRecords.
func (st *stream) putAll(ctx context.Context, entries []weir.Entry) (results []weir.PutResult, encryption string, err error) {
	if results, err = st.engine.PutRecords(ctx, entries); err != nil {
		return nil, "", st.putRefused(err, entries, true)
	}
	return results, st.putEncryption(), nil
}

// putRefused words why the engine refused a put as a whole.
func (st *stream) putRefused(err error, entries []weir.Entry, batch bool) error {
	var number *weir.SequenceNumberError
	if errors.As(err, &number) {
		return errorf(CodeInvalidArgument, msgOrdering, number.Text, st.name, st.a.config.ID)
	}
	if errors.Is(err, weir.ErrInvalidArgument) {
		if own := st.checkEntries(entries, batch); own != nil {
			return own
		}
	}
	return st.a.translate(err)
}

// dryPut says what a put would have said.
func (st *stream) dryPut(entries []weir.Entry, batch bool) error {
	if err := st.checkEntries(entries, batch); err != nil {
		return err
	}
	return errorf(CodeDryRun, msgDryRun)
}

// entryOf returns the engine's entry for the members of a record.
func entryOf(key, hash *string, data []byte) (e weir.Entry, err error) {
	e = weir.Entry{PartitionKey: value(key), Data: data}
	if hash == nil {
		return e, nil
	}
	k, err := ParseExplicitHashKey(*hash)
	e.ExplicitHashKey = &k
	return e, err
}

// ParseExplicitHashKey reads an ExplicitHashKey. The error is the one that the
// service refuses the put with.
func ParseExplicitHashKey(text string) (weir.HashKey, error) {
	k, err := weir.ParseHashKey(text)
	if err != nil {
		if n, ok := new(big.Int).SetString(text, 10); ok && n.BitLen() > 128 && len(text) <= 39 {
			return k, errorf(CodeInvalidArgument, msgExplicitHashKey, text)
		}
		return k, invalid(quoted(text), "explicitHashKey", `Member must satisfy regular expression pattern: ^(0|([1-9]\d{0,38}))$`)
	}
	return k, nil
}

// orderingNumber reads a SequenceNumberForOrdering.
func (st *stream) orderingNumber(text *string) (weir.SequenceNumber, error) {
	if text == nil {
		return weir.SequenceNumber{}, nil
	}
	if st.engine.Settings().Distribution == weir.DistributeAuto {
		return weir.SequenceNumber{}, errorf(CodeInvalidArgument, msgAutoOrdering, st.name, st.a.config.ID)
	}
	n, err := weir.ParseSequenceNumber(*text)
	if err != nil || n.IsZero() {
		return n, errorf(CodeInvalidArgument, msgOrdering, *text, st.name, st.a.config.ID)
	}
	return n, nil
}

// GetRecords returns records from an iterator on, and the next iterator. The
// records are views of the engine's memory: see [weir.Record].
func (a *Account) GetRecords(ctx context.Context, in *GetRecordsInput) (*GetRecordsOutput, error) {
	return a.AppendRecords(ctx, nil, in)
}

// AppendRecords is [Account.GetRecords] into the caller's slice: the output's
// Records are dst, cut to length zero, with the records appended.
func (a *Account) AppendRecords(ctx context.Context, dst []weir.Record, in *GetRecordsInput) (*GetRecordsOutput, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if in == nil || in.ShardIterator == nil {
		return nil, missing("shardIterator")
	}
	limit := int(value(in.Limit))
	if in.Limit != nil && limit < 1 {
		return nil, invalid(quotedNumber(*in.Limit), "limit", "Member must have value greater than or equal to 1")
	}
	st, it, err := a.iterator(*in.ShardIterator, value(in.StreamARN))
	if err != nil {
		return nil, err
	}
	if value(in.DryRun) {
		return nil, st.dryRead(it)
	}
	b, err := st.engine.AppendRecords(ctx, dst[:0], it, limit)
	if err != nil {
		return nil, st.readRefused(err, it.ShardID())
	}
	out := &GetRecordsOutput{
		Records: b.Records, EncryptionTypes: st.encryptionTypes(b.Records),
		MillisBehindLatest: b.Behind.Milliseconds(), ChildShards: childrenOf(b.Children),
	}
	if !b.Next.IsZero() {
		out.NextShardIterator = st.token(b.Next)
	}
	return out, nil
}

// iterator returns the stream that an iterator reads, and the engine's
// iterator.
func (a *Account) iterator(text, arn string) (*stream, weir.Iterator, error) {
	shard, token, err := a.splitToken(text)
	if err != nil {
		return nil, weir.Iterator{}, err
	}
	name, err := weir.TokenStream(token)
	if err != nil {
		return nil, weir.Iterator{}, badIterator()
	}
	if arn != "" {
		if _, err := a.resolve(StreamRef{Name: name, ARN: arn}); err != nil {
			return nil, weir.Iterator{}, err
		}
	}
	st := a.serving(name)
	if st == nil {
		return nil, weir.Iterator{}, a.shardGone(shard, name)
	}
	// The engine refuses a sound token for three reasons. That it was given out by
	// a run that is lost must not be answered like the end of a shard, or a client
	// would go on with the children; that the shard has vanished, or that it was
	// one of an earlier stream of the same name, is that end.
	it, err := st.engine.ParseToken(token)
	if errors.Is(err, weir.ErrInvalidSequenceNumber) {
		return nil, weir.Iterator{}, badIterator()
	}
	if err != nil {
		return nil, weir.Iterator{}, a.shardGone(shard, name)
	}
	if it.ShardID() != shard { // the head of one iterator, the rest of another
		return nil, weir.Iterator{}, badIterator()
	}
	return st, it, nil
}

// dryRead says what a read would have said.
func (st *stream) dryRead(it weir.Iterator) error {
	if err := st.takeDryRun(true); err != nil {
		return err
	}
	now, lifetime := st.clock.read(), st.engine.Config().Limits.IteratorLifetime
	if now.Sub(it.IssuedAt()) > lifetime {
		return st.readRefused(&weir.IteratorExpiredError{Issued: it.IssuedAt(), Used: now, Lifetime: lifetime}, it.ShardID())
	}
	return errorf(CodeDryRun, msgDryRun)
}

// readRefused words why the engine refused a read.
func (st *stream) readRefused(err error, shard weir.ShardID) error {
	var expired *weir.IteratorExpiredError
	var bad *weir.ArgumentError
	switch {
	case errors.As(err, &expired):
		return errorf(CodeExpiredIterator, msgIteratorExpired,
			messageTime(expired.Issued), messageTime(expired.Used), expired.Lifetime.Milliseconds())
	case errors.Is(err, weir.ErrShardNotFound):
		return st.a.shardGone(shard, st.name)
	case errors.Is(err, weir.ErrInvalidIterator):
		return badIterator()
	case errors.As(err, &bad): // the limit is the only argument
		return errorf(CodeValidation, msgValidationUnshown, "limit", bad.Reason)
	default:
		return st.a.translate(err)
	}
}
