package account

import (
	"context"
	"errors"
	"time"

	"github.com/weirstream/weir"
)

// A change is a change of status that takes effect by itself. It is plain data,
// so that it can be saved.
type change struct {
	At   time.Time `json:"at"`
	What effect    `json:"what,omitempty"`
	// What the effect needs.
	Shards  []weir.ShardID `json:"shards,omitempty"`
	HashKey weir.HashKey   `json:"hash_key,omitzero"`
	Target  int            `json:"target,omitempty"` // shards
	On      bool           `json:"on,omitempty"`
	KeyID   string         `json:"key_id,omitempty"`
	Mode    weir.Mode      `json:"mode,omitempty"`
	Warm    int32          `json:"warm,omitempty"` // MiB/s
}

// An effect is what a change does besides making the stream ACTIVE.
type effect string

const (
	effectNone    effect = ""
	effectDelete  effect = "delete"
	effectSplit   effect = "split"
	effectMerge   effect = "merge"
	effectResize  effect = "resize"
	effectEncrypt effect = "encrypt"
	effectMode    effect = "mode"
	effectWarm    effect = "warm"
)

// valid reports whether a change that was loaded is one that can be carried
// out.
func (ch *change) valid() bool {
	switch ch.What {
	case effectNone, effectDelete, effectResize, effectEncrypt, effectMode, effectWarm:
		return true
	case effectSplit:
		return len(ch.Shards) == 1
	case effectMerge:
		return len(ch.Shards) == 2
	default:
		return false
	}
}

// carryOutLocked carries out a change, the stream's clock being held at its
// time. What the engine refuses was checked when the change began; a shard that
// expired since leaves the shards as they are, and one that was carried out
// already changes nothing. The error says what could not be written to the
// disk: then it is to be carried out later.
func (st *stream) carryOutLocked(ch *change) (err error) {
	ctx := context.Background()
	switch ch.What {
	case effectDelete:
		st.gone = true
		st.open.Store(false)
		st.a.setStreamLocked(st.name, nil)
		st.a.deleted.add(st.engine, ch.At)
		st.memory.end()
		st.a.disk.doom(st)
	case effectSplit:
		_, err = st.engine.SplitShard(ctx, ch.Shards[0], ch.HashKey)
	case effectMerge:
		_, err = st.engine.MergeShards(ctx, ch.Shards[0], ch.Shards[1])
	case effectResize:
		_, err = st.engine.Resize(ctx, ch.Target)
	case effectEncrypt:
		st.encrypt(ch.On, ch.KeyID)
	case effectMode:
		if err = st.engine.Set(ctx, func(t *weir.Settings) { t.Mode = ch.Mode }); !isUnwritten(err) {
			err = st.warmUp(ch.Mode, ch.Warm)
		}
	case effectWarm:
		err = st.warmUp(weir.OnDemand, ch.Warm)
	}
	if isUnwritten(err) {
		return err
	}
	return nil
}

// isUnwritten reports whether the engine could not write something down.
func isUnwritten(err error) bool {
	return errors.Is(err, weir.ErrStorage) || errors.Is(err, weir.ErrClosed)
}
