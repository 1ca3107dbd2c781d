package account

import (
	"context"
	"slices"

	"github.com/weirstream/weir"
)

// encryption is a stream's encryption setting now and before. It is never
// changed: a change of the setting replaces it. It is plain data, so that it
// can be saved. Nothing is encrypted.
type encryption struct {
	On    bool   `json:"on"`
	KeyID string `json:"key_id,omitempty"`
	// Turns are the changes so far, the first one from off to on. A record
	// keeps the state in which it was put.
	Turns []encryptionTurn `json:"turns,omitempty"`
}

// An encryptionTurn is a change between on and off. It lies, in each shard that
// there was, after the record of that index; shards opened later come after it.
type encryptionTurn struct {
	On    bool                    `json:"on"`
	After map[weir.ShardID]uint64 `json:"after"`
}

// StartStreamEncryption has records say that they are encrypted with a key. It
// may be called again to change the key, and succeeds 25 times in any 24 hours.
// The stream is UPDATING meanwhile.
func (a *Account) StartStreamEncryption(ctx context.Context, in *StartStreamEncryptionInput) (*StartStreamEncryptionOutput, error) {
	return do(ctx, a, "StartStreamEncryption", in, func(c *control, in *StartStreamEncryptionInput) (*StartStreamEncryptionOutput, error) {
		err := c.setEncryption(in.StreamName, in.StreamARN, in.EncryptionType, in.KeyId, true)
		return &StartStreamEncryptionOutput{}, err
	})
}

// StopStreamEncryption has records no longer say that they are encrypted. It
// succeeds 25 times in any 24 hours. The stream is UPDATING meanwhile.
func (a *Account) StopStreamEncryption(ctx context.Context, in *StopStreamEncryptionInput) (*StopStreamEncryptionOutput, error) {
	return do(ctx, a, "StopStreamEncryption", in, func(c *control, in *StopStreamEncryptionInput) (*StopStreamEncryptionOutput, error) {
		err := c.setEncryption(in.StreamName, in.StreamARN, in.EncryptionType, in.KeyId, false)
		return &StopStreamEncryptionOutput{}, err
	})
}

func (c *control) setEncryption(name, arn, kind, keyID *string, on bool) error {
	if kind == nil {
		return missing("encryptionType")
	}
	if keyID == nil {
		return missing("keyId")
	}
	st, err := c.active(name, arn)
	if err != nil {
		return err
	}
	if *kind != EncryptionKMS {
		return errorf(CodeInvalidArgument, msgEncryptionType, *kind)
	}
	count := &st.encrypts
	if !on {
		count = &st.decrypts
	}
	if count.full(c.now, c.a.config.Quotas.EncryptionChanges) {
		return errorf(CodeLimitExceeded, msgRateStream, st.name, c.a.config.ID)
	}
	count.add(c.now)
	st.beginLocked(c.now, StatusUpdating, c.a.config.Delays.Update, change{What: effectEncrypt, On: on, KeyID: *keyID})
	return nil
}

// encrypt changes the setting. What is put meanwhile may be counted to either
// side.
func (st *stream) encrypt(on bool, keyID string) {
	next := &encryption{On: on}
	was := st.encryption.Load()
	if was != nil {
		next.Turns = was.Turns
	}
	if on {
		next.KeyID = keyID
	}
	if on != (was != nil && was.On) {
		turn := encryptionTurn{On: on, After: make(map[weir.ShardID]uint64)}
		for _, sh := range st.engine.Snapshot().Shards {
			turn.After[sh.Shard] = uint64(sh.Total.IncomingRecords)
		}
		next.Turns = append(slices.Clone(next.Turns), turn)
	}
	st.encryption.Store(next)
}

// encryptionType is how descriptions give the setting.
func (st *stream) encryptionType() string {
	if e := st.encryption.Load(); e != nil && e.On {
		return EncryptionKMS
	}
	return EncryptionNone
}

func (st *stream) keyID() string {
	if e := st.encryption.Load(); e != nil {
		return e.KeyID
	}
	return ""
}

// putEncryption is how puts give the setting.
func (st *stream) putEncryption() string {
	if e := st.encryption.Load(); e != nil && e.On {
		return EncryptionKMS
	}
	return ""
}

// encryptionTypes says of records, all of one shard, which were put while the
// stream was encrypted; nil if none was.
func (st *stream) encryptionTypes(records []weir.Record) []string {
	e := st.encryption.Load()
	if e == nil || len(records) == 0 || len(e.Turns) == 0 {
		return nil
	}
	shard := records[0].ShardID()
	var types []string
	for i := range records {
		if e.covers(shard, records[i].SequenceNumber.Index()) {
			if types == nil {
				types = make([]string, len(records))
			}
			types[i] = EncryptionKMS
		}
	}
	return types
}

// covers reports whether the record of that index was put while encryption was
// on.
func (e *encryption) covers(shard weir.ShardID, index uint64) bool {
	for i := len(e.Turns) - 1; i >= 0; i-- {
		if index > e.Turns[i].After[shard] {
			return e.Turns[i].On
		}
	}
	return false
}
