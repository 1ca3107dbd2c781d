package account

import (
	"context"
)

// DescribeLimits returns the quotas of shards, on-demand streams and channels,
// and how much of each is in use. Shards of on-demand streams do not count.
func (a *Account) DescribeLimits(ctx context.Context, in *DescribeLimitsInput) (*DescribeLimitsOutput, error) {
	return do(ctx, a, "DescribeLimits", in, describeLimits)
}

func describeLimits(c *control, _ *DescribeLimitsInput) (*DescribeLimitsOutput, error) {
	c.settleChannels()
	q := c.a.config.Quotas
	shards, onDemand := c.inUse()
	return &DescribeLimitsOutput{
		ShardLimit: int32(q.Shards), OpenShardCount: int32(shards),
		OnDemandStreamCount: int32(onDemand), OnDemandStreamCountLimit: int32(q.OnDemandStreams),
		ChannelCount: int32(len(c.a.channels)), ChannelCountLimit: int32(q.Channels),
	}, nil
}

// inUse returns the open shards of provisioned streams, those counted that are
// about to be opened, and the number of on-demand streams.
func (c *control) inUse() (shards, onDemand int) {
	for st := range c.everyStream() {
		if st.mode == ModeOnDemand {
			onDemand++
		} else {
			shards += st.openShards() + st.extra
		}
	}
	return shards, onDemand
}

// needShards refuses an operation that would open more shards than the quota
// has room for.
func (c *control) needShards(more int) error {
	most := c.a.config.Quotas.Shards
	if most == lifted || more <= 0 {
		return nil
	}
	used, _ := c.inUse()
	if more <= most-used {
		return nil
	}
	return errorf(CodeLimitExceeded, msgShardLimit, c.a.config.ID, c.a.config.Region, used, most, more)
}

// needOnDemandStream refuses an operation that would make one more on-demand
// stream than the quota has room for.
func (c *control) needOnDemandStream() error {
	most := c.a.config.Quotas.OnDemandStreams
	if _, used := c.inUse(); used >= most {
		return errorf(CodeLimitExceeded, msgOnDemandLimit, c.a.config.ID, c.a.config.Region, used, most)
	}
	return nil
}
