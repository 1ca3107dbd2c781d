package account

import (
	"context"
	"encoding/json"
)

// noPolicy is what a resource without a policy has.
const noPolicy = "{}"

// PutResourcePolicy attaches a policy to a stream, consumer or queue, in place of
// the one that it had. It is stored as it is, if it is a JSON object, and nothing
// follows from it.
func (a *Account) PutResourcePolicy(ctx context.Context, in *PutResourcePolicyInput) (*PutResourcePolicyOutput, error) {
	return do(ctx, a, "PutResourcePolicy", in, func(c *control, in *PutResourcePolicyInput) (*PutResourcePolicyOutput, error) {
		if in.Policy == nil {
			return nil, missing("policy")
		}
		policy, err := c.policy(in.ResourceARN, true)
		if err != nil {
			return nil, err
		}
		var object map[string]any
		if json.Unmarshal([]byte(*in.Policy), &object) != nil || object == nil {
			return nil, errorf(CodeInvalidArgument, msgPolicyJSON)
		}
		*policy = *in.Policy
		return &PutResourcePolicyOutput{}, nil
	})
}

// GetResourcePolicy returns the policy of a stream, consumer or queue as it was
// put,
// "{}" if there is none.
func (a *Account) GetResourcePolicy(ctx context.Context, in *GetResourcePolicyInput) (*GetResourcePolicyOutput, error) {
	return do(ctx, a, "GetResourcePolicy", in, func(c *control, in *GetResourcePolicyInput) (*GetResourcePolicyOutput, error) {
		policy, err := c.policy(in.ResourceARN, false)
		if err != nil {
			return nil, err
		}
		if *policy == "" {
			return &GetResourcePolicyOutput{Policy: noPolicy}, nil
		}
		return &GetResourcePolicyOutput{Policy: *policy}, nil
	})
}

// DeleteResourcePolicy takes the policy off a stream, consumer or queue. It is
// an error if there is none.
func (a *Account) DeleteResourcePolicy(ctx context.Context, in *DeleteResourcePolicyInput) (*DeleteResourcePolicyOutput, error) {
	return do(ctx, a, "DeleteResourcePolicy", in, func(c *control, in *DeleteResourcePolicyInput) (*DeleteResourcePolicyOutput, error) {
		policy, err := c.policy(in.ResourceARN, false)
		if err != nil {
			return nil, err
		}
		if *policy == "" {
			return nil, errorf(CodeResourceNotFound, msgPolicyNotFound, *in.ResourceARN)
		}
		*policy = ""
		return &DeleteResourcePolicyOutput{}, nil
	})
}

// policy returns where the policy of a resource is kept. put says that one is
// about to be put, which a resource that is not ready refuses.
func (c *control) policy(text *string, put bool) (*string, error) {
	if text == nil {
		return nil, missing("resourceARN")
	}
	p, ok := parseARN(*text)
	if !ok || p.kind == "channel" {
		return nil, errorf(CodeInvalidArgument, msgBadARN, *text)
	}
	if p.kind == "consumer" {
		cons, err := c.consumerByARN(*text, p)
		if err != nil {
			return nil, err
		}
		if put && cons.status != StatusActive {
			return nil, errorf(CodeResourceInUse, msgConsumerNoPolicy, cons.name, cons.created.Unix(), p.name, c.a.config.ID)
		}
		return &cons.policy, nil
	}
	if p.kind == "queue" {
		q, err := c.queue(text)
		if err != nil {
			return nil, err
		}
		if put && (q.status == StatusCreating || q.status == StatusDeleting) {
			return nil, errorf(CodeResourceInUse, msgQueueNotActive, q.name, c.a.config.ID, q.status)
		}
		return &q.policy, nil
	}
	st, err := c.stream(nil, text)
	if err == nil && put {
		err = st.needOpen()
	}
	if err != nil {
		return nil, err
	}
	return &st.policy, nil
}
