package account

import "strings"

// A StreamRef names a stream: by Name, by ARN, or by both if they agree. A name
// is one of this account; an ARN of another account or region names nothing.
type StreamRef struct {
	Name string
	ARN  string
}

// partitionOf returns the partition that ARNs of a region begin with.
func partitionOf(region string) string {
	for prefix, partition := range map[string]string{
		"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b",
		"eu-isoe-": "aws-iso-e", "us-isof-": "aws-iso-f", "eusc-": "aws-eusc",
	} {
		if strings.HasPrefix(region, prefix) {
			return partition
		}
	}
	return "aws"
}

// arnOf returns the ARN of a resource, such as "stream/clicks", of the account.
func (a *Account) arnOf(resource string) string {
	return "arn:" + a.partition + ":kinesis:" + a.config.Region + ":" + a.config.ID + ":" + resource
}

// An arn is a parsed ARN of the service's.
type arn struct {
	region, account string
	kind            string // "stream", "consumer", "channel" or "queue"
	name            string // of the stream, or the id of the channel or queue
	consumer        string // with its creation: "name:1543448159"
}

// parseARN reads the ARN of a stream, consumer, channel or queue.
func parseARN(text string) (p arn, ok bool) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || !strings.HasPrefix(parts[1], "aws") || parts[2] != "kinesis" {
		return p, false
	}
	p.region, p.account = parts[3], parts[4]
	p.kind, p.name, ok = strings.Cut(parts[5], "/")
	if !ok || p.name == "" || p.kind != "stream" && p.kind != "channel" && p.kind != "queue" {
		return p, false
	}
	if stream, consumer, found := strings.Cut(p.name, "/consumer/"); found && p.kind == "stream" {
		p.kind, p.name, p.consumer = "consumer", stream, consumer
	}
	return p, true
}

// consumerName returns the consumer's name without its creation.
func (p arn) consumerName() string {
	name, _, _ := strings.Cut(p.consumer, ":")
	return name
}

// streamARN returns the ARN of a consumer's stream; text is the consumer's.
func (p arn) streamARN(text string) string { return strings.TrimSuffix(text, "/consumer/"+p.consumer) }

// local reports whether p lies in the account and its region.
func (a *Account) local(p arn) bool { return p.account == a.config.ID && p.region == a.config.Region }

// resolve returns the name of the stream that ref means.
func (a *Account) resolve(ref StreamRef) (string, error) {
	if ref.ARN == "" {
		if ref.Name == "" {
			return "", errorf(CodeInvalidArgument, msgNoStream)
		}
		return ref.Name, nil
	}
	p, ok := parseARN(ref.ARN)
	if !ok || p.kind != "stream" {
		return "", errorf(CodeInvalidArgument, msgBadARN, ref.ARN)
	}
	if !a.local(p) {
		return "", errorf(CodeResourceNotFound, msgStreamNotFound, p.name, p.account)
	}
	if ref.Name != "" && ref.Name != p.name {
		return "", errorf(CodeInvalidArgument, msgStreamMismatch, ref.Name, ref.ARN)
	}
	return p.name, nil
}

// nameOf returns the name that ref gives, for messages.
func (a *Account) nameOf(ref StreamRef) string {
	if p, ok := parseARN(ref.ARN); ok && ref.Name == "" {
		return p.name
	}
	return ref.Name
}
