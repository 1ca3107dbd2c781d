package account

import (
	"context"
	"time"
)

// commitmentPeriod is how long On-demand Advantage lasts at least.
const commitmentPeriod = 24 * time.Hour

// A commitment is the state of On-demand Advantage. The zero value has never
// been enabled. It is plain data, so that it can be saved.
type commitment struct {
	Enabled bool      `json:"enabled"`
	Ending  bool      `json:"ending,omitempty"` // it ends by itself when it may
	EverOn  bool      `json:"ever_on,omitempty"`
	Started time.Time `json:"started,omitzero"`
	End     time.Time `json:"end,omitzero"`
}

// earliest returns when it may end.
func (m *commitment) earliest() time.Time { return m.Started.Add(commitmentPeriod) }

// settle ends it if it was to end by now.
func (m *commitment) settle(now time.Time) {
	if m.Ending && !now.Before(m.earliest()) {
		m.Enabled, m.Ending, m.End = false, false, m.earliest()
	}
}

func (m *commitment) describe() *MinimumThroughputBillingCommitmentOutput {
	out := &MinimumThroughputBillingCommitmentOutput{Status: CommitmentDisabled}
	if !m.EverOn {
		return out
	}
	out.StartedAt = Ptr(m.Started)
	switch {
	case m.Ending:
		out.Status, out.EarliestAllowedEndAt = CommitmentEnabledUntil, Ptr(m.earliest())
	case m.Enabled:
		out.Status, out.EarliestAllowedEndAt = CommitmentEnabled, Ptr(m.earliest())
	default:
		out.EndedAt = Ptr(m.End)
	}
	return out
}

// advantage reports whether On-demand Advantage is on.
func (c *control) advantage() bool {
	c.a.commitment.settle(c.now)
	return c.a.commitment.Enabled
}

// DescribeAccountSettings returns the state of On-demand Advantage.
func (a *Account) DescribeAccountSettings(ctx context.Context, in *DescribeAccountSettingsInput) (*DescribeAccountSettingsOutput, error) {
	return do(ctx, a, "DescribeAccountSettings", in, func(c *control, _ *DescribeAccountSettingsInput) (*DescribeAccountSettingsOutput, error) {
		c.a.commitment.settle(c.now)
		return &DescribeAccountSettingsOutput{MinimumThroughputBillingCommitment: c.a.commitment.describe()}, nil
	})
}

// UpdateAccountSettings turns On-demand Advantage on or off. It lasts 24 hours
// at least: turned off earlier it ends by itself then, unless it is turned on
// again before. It cannot be turned off while a stream has warm throughput.
func (a *Account) UpdateAccountSettings(ctx context.Context, in *UpdateAccountSettingsInput) (*UpdateAccountSettingsOutput, error) {
	return do(ctx, a, "UpdateAccountSettings", in, updateAccountSettings)
}

func updateAccountSettings(c *control, in *UpdateAccountSettingsInput) (*UpdateAccountSettingsOutput, error) {
	const member = "minimumThroughputBillingCommitment"
	if in.MinimumThroughputBillingCommitment == nil {
		return nil, missing(member)
	}
	m := &c.a.commitment
	m.settle(c.now)
	switch status := value(in.MinimumThroughputBillingCommitment.Status); status {
	case CommitmentEnabled:
		if !m.Enabled {
			*m = commitment{Enabled: true, EverOn: true, Started: c.now.UTC().Truncate(time.Millisecond)}
		}
		m.Ending = false
	case CommitmentDisabled:
		if err := c.endCommitment(); err != nil {
			return nil, err
		}
	default:
		return nil, invalid(quoted(status), member+".status", "Member must satisfy enum value set: [ENABLED, DISABLED]")
	}
	return &UpdateAccountSettingsOutput{MinimumThroughputBillingCommitment: m.describe()}, nil
}

// endCommitment ends On-demand Advantage, now or as soon as it may end.
func (c *control) endCommitment() error {
	m := &c.a.commitment
	if !m.Enabled {
		return nil
	}
	for _, st := range c.sortedStreams() {
		if st.warm.TargetMiBps > 0 && st.status != StatusDeleting {
			return errorf(CodeInvalidArgument, msgWarmInUse, c.a.config.ID, st.name)
		}
	}
	if m.Ending = c.now.Before(m.earliest()); !m.Ending {
		m.Enabled, m.End = false, c.now.UTC().Truncate(time.Millisecond)
	}
	return nil
}
