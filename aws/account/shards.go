package account

import (
	"context"
	"errors"

	"github.com/weirstream/weir"
)

// maxListedShards is how many shards one ListShards returns.
const maxListedShards = 1000

// ListShards lists shards by id, open and closed, 1,000 at most: all that can
// hold readable records, or those that ShardFilter chooses. NextToken continues
// a list with its filter, for 300 s. The stream must be ACTIVE or UPDATING.
func (a *Account) ListShards(ctx context.Context, in *ListShardsInput) (*ListShardsOutput, error) {
	return do(ctx, a, "ListShards", in, listShards)
}

func listShards(c *control, in *ListShardsInput) (*ListShardsOutput, error) {
	limit, err := pageSize("maxResults", in.MaxResults, maxListedShards)
	if err != nil {
		return nil, err
	}
	var st *stream
	var token pageToken
	if in.NextToken != nil {
		st, token, err = c.continueShards(in)
	} else {
		st, token, err = c.beginShards(in)
	}
	if err != nil {
		return nil, err
	}
	if err := st.needOpen(); err != nil {
		return nil, err
	}
	shards, err := st.engine.ListShards(context.Background(), weir.ShardQuery{
		Filter: weir.ShardFilter(token.Filter), ShardID: weir.ShardID(token.Shard), Time: token.time(),
		From: weir.ShardID(token.From), Limit: limit + 1,
	})
	if err != nil {
		return nil, c.a.translate(err)
	}
	out := &ListShardsOutput{}
	if len(shards) > limit {
		token.From = int32(shards[limit].ID)
		out.NextToken = c.sealToken(token)
		shards = shards[:limit]
	}
	out.Shards = shardsOf(shards)
	return out, nil
}

// continueShards returns the stream and the rest of a list.
func (c *control) continueShards(in *ListShardsInput) (*stream, pageToken, error) {
	token, err := c.openToken(*in.NextToken, tokenOfShards)
	if err != nil {
		return nil, token, err
	}
	st, err := c.stream(&token.Stream, nil)
	if err == nil && st.created.UnixMilli() != token.Created {
		err = c.a.streamNotFound(token.Stream)
	}
	return st, token, err
}

// beginShards returns the stream and a whole list.
func (c *control) beginShards(in *ListShardsInput) (*stream, pageToken, error) {
	token := pageToken{Kind: tokenOfShards}
	if in.StreamName == nil && in.StreamARN == nil {
		return nil, token, errorf(CodeInvalidArgument, msgNoTokenNoStream)
	}
	st, err := c.stream(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, token, err
	}
	if err := st.checkCreated(in.StreamCreationTimestamp); err != nil {
		return nil, token, err
	}
	token.Stream, token.Created = st.name, st.created.UnixMilli()
	if in.ShardFilter != nil {
		if err := c.setFilter(&token, st, in.ShardFilter); err != nil {
			return nil, token, err
		}
	}
	if after := in.ExclusiveStartShardId; after != nil {
		id, err := weir.ParseShardID(*after)
		if err != nil {
			return nil, token, c.a.shardNotFound(*after, st.name)
		}
		token.From = nextID(id)
	}
	return st, token, nil
}

// nextID returns the id after one, as far as there can be shards.
func nextID(id weir.ShardID) int32 { return int32(min(int64(id)+1, lifted)) }

// setFilter makes a token's list the one that a filter chooses.
func (c *control) setFilter(token *pageToken, st *stream, f *ShardFilter) error {
	kind := value(f.Type)
	filters := map[string]weir.ShardFilter{
		FilterFromTrimHorizon: weir.ShardsFromTrimHorizon, FilterAtTrimHorizon: weir.ShardsAtTrimHorizon,
		FilterAtLatest: weir.ShardsAtLatest, FilterAtTimestamp: weir.ShardsAtTime,
		FilterFromTimestamp: weir.ShardsFromTime, FilterAfterShardID: weir.ShardsAfterID,
	}
	filter, ok := filters[kind]
	if !ok {
		return invalid(quoted(kind), "shardFilter.type", "Member must satisfy enum value set: "+
			"[AFTER_SHARD_ID, AT_TRIM_HORIZON, FROM_TRIM_HORIZON, AT_LATEST, AT_TIMESTAMP, FROM_TIMESTAMP]")
	}
	token.Filter = int(filter)
	switch filter {
	case weir.ShardsAfterID:
		if f.ShardId == nil {
			return errorf(CodeInvalidArgument, msgFilterNeeds, kind, "ShardId")
		}
		id, err := weir.ParseShardID(*f.ShardId)
		if err != nil {
			return c.a.shardNotFound(*f.ShardId, st.name)
		}
		token.Shard = int32(id)
	case weir.ShardsAtTime, weir.ShardsFromTime:
		if f.Timestamp == nil {
			return errorf(CodeInvalidArgument, msgFilterNeeds, kind, "Timestamp")
		}
		token.Millis = f.Timestamp.UnixMilli()
	}
	return nil
}

// SplitShard closes an open shard and opens two in its place, the second of
// which begins at NewStartingHashKey. The stream is UPDATING meanwhile, with
// the shards as they were; puts go to the parent until it is ACTIVE again.
func (a *Account) SplitShard(ctx context.Context, in *SplitShardInput) (*SplitShardOutput, error) {
	return do(ctx, a, "SplitShard", in, splitShard)
}

func splitShard(c *control, in *SplitShardInput) (*SplitShardOutput, error) {
	if in.ShardToSplit == nil {
		return nil, missing("shardToSplit")
	}
	if in.NewStartingHashKey == nil {
		return nil, missing("newStartingHashKey")
	}
	st, shards, err := c.reshardable(in.StreamName, in.StreamARN, *in.ShardToSplit)
	if err != nil {
		return nil, err
	}
	if err := c.needShards(1); err != nil {
		return nil, err
	}
	sh := shards[0]
	at, err := weir.ParseHashKey(*in.NewStartingHashKey)
	if err != nil || !sh.HashKeyRange.CanSplitAt(at) {
		return nil, errorf(CodeInvalidArgument, msgSplitHashKey, *in.NewStartingHashKey, sh.ID, st.name, c.a.config.ID,
			sh.HashKeyRange.Start, sh.HashKeyRange.End)
	}
	if err := st.reserve(2); err != nil {
		return nil, err
	}
	c.reshard(st, 1, change{What: effectSplit, Shards: []weir.ShardID{sh.ID}, HashKey: at})
	return &SplitShardOutput{}, nil
}

// MergeShards closes two open shards and opens one in their place. ShardToMerge
// is the one with the lower hash keys, and the other follows it without a gap.
// The stream is UPDATING meanwhile.
func (a *Account) MergeShards(ctx context.Context, in *MergeShardsInput) (*MergeShardsOutput, error) {
	return do(ctx, a, "MergeShards", in, mergeShards)
}

func mergeShards(c *control, in *MergeShardsInput) (*MergeShardsOutput, error) {
	if in.ShardToMerge == nil {
		return nil, missing("shardToMerge")
	}
	if in.AdjacentShardToMerge == nil {
		return nil, missing("adjacentShardToMerge")
	}
	st, shards, err := c.reshardable(in.StreamName, in.StreamARN, *in.ShardToMerge, *in.AdjacentShardToMerge)
	if err != nil {
		return nil, err
	}
	lower, upper := shards[0], shards[1]
	if !lower.HashKeyRange.Adjoins(upper.HashKeyRange) {
		return nil, errorf(CodeInvalidArgument, msgNotAdjacent, lower.ID, upper.ID, st.name, c.a.config.ID)
	}
	if err := st.reserve(1); err != nil {
		return nil, err
	}
	c.reshard(st, 0, change{What: effectMerge, Shards: []weir.ShardID{lower.ID, upper.ID}})
	return &MergeShardsOutput{}, nil
}

// reshardable returns a stream that may be resharded, and open shards of it.
func (c *control) reshardable(name, arn *string, texts ...string) (*stream, []weir.Shard, error) {
	ref := StreamRef{Name: value(name), ARN: value(arn)}
	ids := make([]weir.ShardID, len(texts))
	for i, text := range texts {
		id, err := weir.ParseShardID(text)
		if err != nil {
			return nil, nil, c.a.shardNotFound(text, c.a.nameOf(ref))
		}
		ids[i] = id
	}
	st, err := c.active(name, arn)
	if err != nil {
		return nil, nil, err
	}
	if err := c.needProvisioned(st); err != nil {
		return nil, nil, err
	}
	shards := make([]weir.Shard, len(ids))
	for i, id := range ids {
		sh, ok := st.shard(id)
		if !ok {
			return nil, nil, c.a.shardNotFound(id.String(), st.name)
		}
		shards[i] = sh
	}
	for _, sh := range shards {
		if !sh.IsOpen() {
			return nil, nil, errorf(CodeInvalidArgument, msgAlreadyResharded, sh.ID, st.name, c.a.config.ID)
		}
	}
	return st, shards, nil
}

// shard returns a shard that has not vanished.
func (st *stream) shard(id weir.ShardID) (weir.Shard, bool) {
	list, err := st.engine.ListShards(context.Background(), weir.ShardQuery{From: id, Limit: 1})
	if err != nil || len(list) == 0 || list[0].ID != id {
		return weir.Shard{}, false
	}
	return list[0], true
}

// reshard makes the stream UPDATING until ch has changed its shards.
func (c *control) reshard(st *stream, extra int, ch change) {
	st.extra = extra
	st.beginLocked(c.now, StatusUpdating, c.a.config.Delays.Reshard, ch)
}

// UpdateShardCount changes how many open shards there are: to double at most
// and half at least, ten times in any 24 hours. Twice as many splits each shard
// once, half as many merges neighbours, any other number makes even ranges; the
// present number changes nothing. The stream is UPDATING meanwhile.
func (a *Account) UpdateShardCount(ctx context.Context, in *UpdateShardCountInput) (*UpdateShardCountOutput, error) {
	return do(ctx, a, "UpdateShardCount", in, updateShardCount)
}

func updateShardCount(c *control, in *UpdateShardCountInput) (*UpdateShardCountOutput, error) {
	switch {
	case in.TargetShardCount == nil:
		return nil, missing("targetShardCount")
	case in.ScalingType == nil:
		return nil, missing("scalingType")
	case *in.ScalingType != ScalingUniform:
		return nil, invalid(quoted(*in.ScalingType), "scalingType", "Member must satisfy enum value set: [UNIFORM_SCALING]")
	}
	st, err := c.active(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	if err := c.needProvisioned(st); err != nil {
		return nil, err
	}
	current, target := st.engine.Capacity().OpenShards, int(*in.TargetShardCount)
	steps, err := st.engine.PlanResize(target)
	if err != nil {
		return nil, c.resizeRefused(st, current, target, err)
	}
	more := target - current
	if err := c.needShards(more); err != nil {
		return nil, err
	}
	made := 0
	for _, step := range steps {
		made += len(step.Children)
	}
	if err := st.reserve(made); err != nil {
		return nil, err
	}
	if len(steps) > 0 {
		c.reshard(st, max(0, more), change{What: effectResize, Target: target})
	}
	return &UpdateShardCountOutput{
		StreamName: st.name, StreamARN: st.arn,
		CurrentShardCount: int32(current), TargetShardCount: int32(target),
	}, nil
}

// resizeRefused words why the engine refused a number of shards.
func (c *control) resizeRefused(st *stream, current, target int, err error) error {
	var e *weir.LimitError
	if !errors.As(err, &e) {
		return c.a.translate(err)
	}
	switch e.Quota {
	case weir.QuotaResizeUp:
		return errorf(CodeLimitExceeded, msgOverDouble, current, target)
	case weir.QuotaResizeDown:
		return errorf(CodeLimitExceeded, msgBelowHalf, current, target)
	case weir.QuotaShards:
		return errorf(CodeLimitExceeded, msgOverMaximum, e.Most, current, target)
	default:
		return errorf(CodeLimitExceeded, msgRateStream, st.name, c.a.config.ID)
	}
}

// shardsOf describes shards of the engine.
func shardsOf(list []weir.Shard) []Shard {
	shards := make([]Shard, len(list))
	for i, sh := range list {
		s := &shards[i]
		s.ShardId, s.HashKeyRange = sh.ID.String(), rangeOf(sh.HashKeyRange)
		s.SequenceNumberRange.StartingSequenceNumber = sh.StartingSequenceNumber.String()
		s.SequenceNumberRange.EndingSequenceNumber = sh.EndingSequenceNumber.String()
		if len(sh.Parents) > 0 {
			s.ParentShardId = sh.Parents[0].String()
		}
		if len(sh.Parents) > 1 {
			s.AdjacentParentShardId = sh.Parents[1].String()
		}
	}
	return shards
}

func rangeOf(r weir.HashKeyRange) HashKeyRange {
	return HashKeyRange{StartingHashKey: r.Start.String(), EndingHashKey: r.End.String()}
}

// childrenOf describes the shards that follow a closed one; nil if it is open.
func childrenOf(list []weir.Shard) []ChildShard {
	var children []ChildShard
	for _, sh := range list {
		child := ChildShard{ShardId: sh.ID.String(), HashKeyRange: rangeOf(sh.HashKeyRange)}
		for _, parent := range sh.Parents {
			child.ParentShards = append(child.ParentShards, parent.String())
		}
		children = append(children, child)
	}
	return children
}
