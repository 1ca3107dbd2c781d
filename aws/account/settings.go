package account

import (
	"context"
	"time"

	"github.com/weirstream/weir"
)

// UpdateStreamMode switches between PROVISIONED and ON_DEMAND, at most twice in
// any 24 hours. The shards stay as they are. The stream is UPDATING meanwhile.
// One with queues stays ON_DEMAND.
// The mode that the stream has already changes nothing and does not count.
func (a *Account) UpdateStreamMode(ctx context.Context, in *UpdateStreamModeInput) (*UpdateStreamModeOutput, error) {
	return do(ctx, a, "UpdateStreamMode", in, updateStreamMode)
}

func updateStreamMode(c *control, in *UpdateStreamModeInput) (*UpdateStreamModeOutput, error) {
	if in.StreamModeDetails == nil || in.StreamModeDetails.StreamMode == nil {
		return nil, missing("streamModeDetails")
	}
	st, err := c.active(nil, in.StreamARN)
	if err != nil {
		return nil, err
	}
	to := *in.StreamModeDetails.StreamMode
	mode := weir.OnDemand
	switch {
	case to != ModeProvisioned && to != ModeOnDemand:
		return nil, badMode(to)
	case to == st.mode && in.WarmThroughputMiBps == nil:
		return &UpdateStreamModeOutput{}, nil
	case to == ModeProvisioned:
		mode, err = weir.Provisioned, c.checkToProvisioned(st, in)
	default:
		err = c.checkToOnDemand(st, in)
	}
	if err != nil {
		return nil, err
	}
	warm := value(in.WarmThroughputMiBps)
	if to != st.mode {
		if st.switches.full(c.now, c.a.config.Quotas.ModeChanges) {
			return nil, errorf(CodeLimitExceeded, msgRateStream, st.name, c.a.config.ID)
		}
		st.switches.add(c.now)
		st.mode, st.warm = to, WarmThroughput{}
	}
	if more := int(warm) - st.openShards(); more > 0 {
		if err := st.reserve(more); err != nil {
			return nil, err
		}
	}
	st.warm.TargetMiBps = warm
	st.beginLocked(c.now, StatusUpdating, c.a.config.Delays.Update, change{What: effectMode, Mode: mode, Warm: warm})
	return &UpdateStreamModeOutput{}, nil
}

func (c *control) checkToProvisioned(st *stream, in *UpdateStreamModeInput) error {
	switch {
	case len(c.queuesOf(st)) > 0:
		return errorf(CodeResourceInUse, msgModeQueues, st.name, c.a.config.ID)
	case in.WarmThroughputMiBps != nil:
		return errorf(CodeInvalidArgument, msgWarmOnDemand)
	case st.engine.Settings().Distribution == weir.DistributeAuto:
		return errorf(CodeInvalidArgument, msgAutoProvisioned)
	default:
		return c.needShards(st.openShards())
	}
}

func (c *control) checkToOnDemand(st *stream, in *UpdateStreamModeInput) error {
	if st.mode != ModeOnDemand {
		if err := c.needOnDemandStream(); err != nil {
			return err
		}
	}
	if in.WarmThroughputMiBps == nil {
		return nil
	}
	return c.checkWarm(st.name, *in.WarmThroughputMiBps)
}

// UpdateStreamWarmThroughput says how much an on-demand stream can take in
// without warning. It needs On-demand Advantage: see
// [Account.UpdateAccountSettings]. The stream is UPDATING meanwhile; the same
// or a lower value releases capacity.
func (a *Account) UpdateStreamWarmThroughput(ctx context.Context, in *UpdateStreamWarmThroughputInput) (*UpdateStreamWarmThroughputOutput, error) {
	return do(ctx, a, "UpdateStreamWarmThroughput", in, updateStreamWarmThroughput)
}

func updateStreamWarmThroughput(c *control, in *UpdateStreamWarmThroughputInput) (*UpdateStreamWarmThroughputOutput, error) {
	if in.WarmThroughputMiBps == nil {
		return nil, missing("warmThroughputMiBps")
	}
	st, err := c.active(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	warm := *in.WarmThroughputMiBps
	if st.mode != ModeOnDemand {
		return nil, errorf(CodeValidation, msgWarmOnDemand)
	}
	if err := c.checkWarm(st.name, warm); err != nil {
		return nil, err
	}
	st.warm.TargetMiBps = warm
	out := &UpdateStreamWarmThroughputOutput{StreamName: st.name, StreamARN: st.arn, WarmThroughput: Ptr(st.warm)}
	st.beginLocked(c.now, StatusUpdating, c.a.config.Delays.Update, change{What: effectWarm, Warm: warm})
	return out, nil
}

// set changes settings of the engine's stream. An operation on settings is not cut
// short once it has begun, so no context ends it.
func (st *stream) set(change func(*weir.Settings)) error {
	if err := st.engine.Set(context.Background(), change); err != nil {
		return st.a.translate(err)
	}
	return nil
}

// warmUp has the engine keep a throughput ready.
func (st *stream) warmUp(mode weir.Mode, mibPerSecond int32) error {
	if mode == weir.OnDemand {
		// It is refused for nothing that was not checked before.
		if err := st.engine.SetWarmThroughput(context.Background(), int(mibPerSecond)); isUnwritten(err) {
			return err
		}
	}
	st.warm.CurrentMiBps = mibPerSecond
	return nil
}

// checkWarm checks a warm throughput for a stream of that name.
func (c *control) checkWarm(stream string, mibPerSecond int32) error {
	const mib = 1 << 20
	most := c.a.config.Stream.Limits.OnDemandWriteBytesPerSecond
	if most == 0 {
		most = weir.ServiceLimits().OnDemandWriteBytesPerSecond
	}
	switch {
	case mibPerSecond < 0:
		return invalid(quotedNumber(mibPerSecond), "warmThroughputMiBps", "Member must have value greater than or equal to 0")
	case !c.advantage():
		return errorf(CodeInvalidArgument, msgWarmCommitment, c.a.config.ID)
	case most > 0 && float64(mibPerSecond)*mib > float64(most):
		return errorf(CodeLimitExceeded, msgWarmLimit, stream, c.a.config.ID, mibPerSecond)
	default:
		return nil
	}
}

// UpdateMaxRecordSize changes how large a record may be, at once: 1,024 to
// 10,240 KiB of data and partition key.
func (a *Account) UpdateMaxRecordSize(ctx context.Context, in *UpdateMaxRecordSizeInput) (*UpdateMaxRecordSizeOutput, error) {
	return do(ctx, a, "UpdateMaxRecordSize", in, updateMaxRecordSize)
}

func updateMaxRecordSize(c *control, in *UpdateMaxRecordSizeInput) (*UpdateMaxRecordSizeOutput, error) {
	if in.MaxRecordSizeInKiB == nil {
		return nil, missing("maxRecordSizeInKiB")
	}
	if err := checkRecordSize(*in.MaxRecordSizeInKiB); err != nil {
		return nil, err
	}
	if value(in.StreamARN) == "" {
		return nil, errorf(CodeInvalidArgument, msgNoARN)
	}
	st, err := c.active(nil, in.StreamARN)
	if err != nil {
		return nil, err
	}
	if err := st.set(func(t *weir.Settings) { t.RecordBytes = int(*in.MaxRecordSizeInKiB) * 1024 }); err != nil {
		return nil, err
	}
	return &UpdateMaxRecordSizeOutput{}, nil
}

const minRecordKiB, maxRecordKiB = 1024, 10240

func checkRecordSize(kib int32) error {
	switch {
	case kib < minRecordKiB:
		return invalid(quotedNumber(kib), "maxRecordSizeInKiB", "Member must have value greater than or equal to 1024")
	case kib > maxRecordKiB:
		return invalid(quotedNumber(kib), "maxRecordSizeInKiB", "Member must have value less than or equal to 10240")
	default:
		return nil
	}
}

// UpdateStreamRecordDistributionStrategy says what decides a record's shard, at
// once: its partition key, or (AUTO, on-demand streams only) the stream.
func (a *Account) UpdateStreamRecordDistributionStrategy(ctx context.Context, in *UpdateStreamRecordDistributionStrategyInput) (*UpdateStreamRecordDistributionStrategyOutput, error) {
	return do(ctx, a, "UpdateStreamRecordDistributionStrategy", in, updateDistribution)
}

func updateDistribution(c *control, in *UpdateStreamRecordDistributionStrategyInput) (*UpdateStreamRecordDistributionStrategyOutput, error) {
	if in.RecordDistributionStrategy == nil {
		return nil, missing("recordDistributionStrategy")
	}
	st, err := c.active(nil, in.StreamARN)
	if err != nil {
		return nil, err
	}
	to := weir.ByPartitionKey
	switch *in.RecordDistributionStrategy {
	case DistributionUserKey:
	case DistributionAuto:
		if to = weir.DistributeAuto; st.mode != ModeOnDemand {
			return nil, errorf(CodeInvalidArgument, msgAutoProvisioned)
		}
	default:
		return nil, badDistribution(*in.RecordDistributionStrategy)
	}
	if err := st.set(func(t *weir.Settings) { t.Distribution = to }); err != nil {
		return nil, err
	}
	return &UpdateStreamRecordDistributionStrategyOutput{}, nil
}

func badDistribution(strategy string) error {
	return invalid(quoted(strategy), "recordDistributionStrategy", "Member must satisfy enum value set: [AUTO, USER_PARTITION_KEY]")
}

// IncreaseStreamRetentionPeriod keeps records readable for longer, at once.
// What has expired stays unreadable. The period that the stream has already
// changes nothing.
func (a *Account) IncreaseStreamRetentionPeriod(ctx context.Context, in *IncreaseStreamRetentionPeriodInput) (*IncreaseStreamRetentionPeriodOutput, error) {
	return do(ctx, a, "IncreaseStreamRetentionPeriod", in, func(c *control, in *IncreaseStreamRetentionPeriodInput) (*IncreaseStreamRetentionPeriodOutput, error) {
		err := c.setRetention(in.StreamName, in.StreamARN, in.RetentionPeriodHours, func(st *stream, hours, now int32) error {
			if hours < now {
				return errorf(CodeInvalidArgument, msgRetentionShorter, hours, st.name, now)
			}
			return nil
		})
		return &IncreaseStreamRetentionPeriodOutput{}, err
	})
}

// DecreaseStreamRetentionPeriod keeps records readable for a shorter time, at
// once. The period that the stream has already changes nothing.
func (a *Account) DecreaseStreamRetentionPeriod(ctx context.Context, in *DecreaseStreamRetentionPeriodInput) (*DecreaseStreamRetentionPeriodOutput, error) {
	return do(ctx, a, "DecreaseStreamRetentionPeriod", in, func(c *control, in *DecreaseStreamRetentionPeriodInput) (*DecreaseStreamRetentionPeriodOutput, error) {
		err := c.setRetention(in.StreamName, in.StreamARN, in.RetentionPeriodHours, func(st *stream, hours, now int32) error {
			if hours > now {
				return errorf(CodeInvalidArgument, msgRetentionLonger, hours, st.name, now)
			}
			return nil
		})
		return &DecreaseStreamRetentionPeriodOutput{}, err
	})
}

// setRetention sets a retention unless direction refuses it.
func (c *control) setRetention(name, arn *string, hours *int32, direction func(st *stream, hours, now int32) error) error {
	if hours == nil {
		return missing("retentionPeriodHours")
	}
	st, err := c.active(name, arn)
	if err != nil {
		return err
	}
	limits := st.engine.Config().Limits
	least := max(1, int64(limits.MinRetention/time.Hour))
	most := int64(limits.MaxRetention / time.Hour)
	switch {
	case int64(*hours) < least:
		return errorf(CodeInvalidArgument, msgRetentionMinimum, least, *hours)
	case int64(*hours) > most:
		return errorf(CodeInvalidArgument, msgRetentionMaximum, most, *hours)
	}
	if err := direction(st, *hours, st.retentionHours()); err != nil {
		return err
	}
	return st.set(func(t *weir.Settings) { t.Retention = time.Duration(*hours) * time.Hour })
}

func (st *stream) modeDetails() *StreamModeDetails {
	return &StreamModeDetails{StreamMode: Ptr(st.mode)}
}

func modeName(m weir.Mode) string {
	if m == weir.OnDemand {
		return ModeOnDemand
	}
	return ModeProvisioned
}

func distributionName(d weir.Distribution) string {
	if d == weir.DistributeAuto {
		return DistributionAuto
	}
	return DistributionUserKey
}
