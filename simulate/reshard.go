package simulate

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// reshard carries out a reshard of the workload, or notes why the stream refused.
func (s *simulation) reshard(r workload.Reshard) {
	var what, why string
	var err error
	switch {
	case r.Split != "":
		why = "split"
		what, err = s.split(r.Split)
	case len(r.Merge) > 0:
		why = "merge"
		what, err = s.merge(r.Merge)
	default:
		why, what = "resize", fmt.Sprintf("resize to %d shards", r.Shards)
		_, err = s.stream.Resize(context.Background(), r.Shards)
	}
	if err != nil {
		s.meter.refusedReshard(RefusedReshard{At: s.now, What: what, Why: whyRefused(err)})
		return
	}
	s.refreshShards(why)
}

// whyRefused words why a reshard was refused. There is one stream only, so it is not
// named.
func whyRefused(err error) string {
	if over := (*weir.LimitError)(nil); errors.As(err, &over) {
		nameless := *over
		nameless.Stream = ""
		return nameless.Error()
	}
	return err.Error()
}

// split splits a shard in the middle, named or the busiest.
func (s *simulation) split(which string) (what string, err error) {
	sh := s.busiest()
	if which != workload.BusiestShard {
		id, err := weir.ParseShardID(which)
		if err != nil {
			return "split " + which, err
		}
		if sh = s.shards.get(id); sh == nil {
			return "split " + id.String(), weir.ErrShardNotFound
		}
	}
	_, err = s.stream.SplitShard(context.Background(), sh.id, sh.keys.Middle())
	return "split " + sh.id.String(), err
}

// busiest returns the open shard of which most was asked lately.
func (s *simulation) busiest() *shard {
	best := s.shards.open[0]
	for _, sh := range s.shards.open {
		if sh.load > best.load {
			best = sh
		}
	}
	return best
}

// merge merges two shards, named or the coldest neighbours.
func (s *simulation) merge(which []string) (what string, err error) {
	if len(which) == 1 {
		return s.mergeColdest()
	}
	what = fmt.Sprintf("merge %s and %s", which[0], which[1])
	lower, err := weir.ParseShardID(which[0])
	if err != nil {
		return what, err
	}
	upper, err := weir.ParseShardID(which[1])
	if err != nil {
		return what, err
	}
	_, err = s.stream.MergeShards(context.Background(), lower, upper)
	return what, err
}

// mergeColdest merges the neighbours of which least was asked lately.
func (s *simulation) mergeColdest() (what string, err error) {
	open := s.shards.open
	if len(open) < 2 {
		return "merge the coldest shards", fmt.Errorf("there is one shard only")
	}
	best := 0
	for i := range len(open) - 1 {
		if open[i].load+open[i+1].load < open[best].load+open[best+1].load {
			best = i
		}
	}
	lower, upper := open[best].id, open[best+1].id
	_, err = s.stream.MergeShards(context.Background(), lower, upper)
	return fmt.Sprintf("merge %v and %v", lower, upper), err
}
