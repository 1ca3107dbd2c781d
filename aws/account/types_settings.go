package account

import "time"

// Values of the status of a [MinimumThroughputBillingCommitmentInput] and
// output; the last is in outputs only.
const (
	CommitmentEnabled      = "ENABLED"
	CommitmentDisabled     = "DISABLED"
	CommitmentEnabledUntil = "ENABLED_UNTIL_EARLIEST_ALLOWED_END"
)

// DescribeLimitsInput is empty.
type DescribeLimitsInput struct{}

// DescribeLimitsOutput is the output of [Account.DescribeLimits].
type DescribeLimitsOutput struct {
	ShardLimit               int32
	OpenShardCount           int32 // of provisioned streams
	OnDemandStreamCount      int32
	OnDemandStreamCountLimit int32
	ChannelCount             int32
	ChannelCountLimit        int32
}

// DescribeAccountSettingsInput is empty.
type DescribeAccountSettingsInput struct{}

// DescribeAccountSettingsOutput is the output of
// [Account.DescribeAccountSettings].
type DescribeAccountSettingsOutput struct {
	MinimumThroughputBillingCommitment *MinimumThroughputBillingCommitmentOutput `json:",omitempty"`
}

// UpdateAccountSettingsInput is the input of [Account.UpdateAccountSettings].
type UpdateAccountSettingsInput struct {
	MinimumThroughputBillingCommitment *MinimumThroughputBillingCommitmentInput // required
}

// UpdateAccountSettingsOutput is the output of
// [Account.UpdateAccountSettings].
type UpdateAccountSettingsOutput struct {
	MinimumThroughputBillingCommitment *MinimumThroughputBillingCommitmentOutput `json:",omitempty"`
}

// A MinimumThroughputBillingCommitmentInput turns On-demand Advantage on or
// off.
type MinimumThroughputBillingCommitmentInput struct {
	Status *string // required; ENABLED or DISABLED
}

// A MinimumThroughputBillingCommitmentOutput is the state of On-demand
// Advantage.
type MinimumThroughputBillingCommitmentOutput struct {
	Status               string
	StartedAt            *time.Time `json:",omitempty"`
	EndedAt              *time.Time `json:",omitempty"`
	EarliestAllowedEndAt *time.Time `json:",omitempty"`
}
