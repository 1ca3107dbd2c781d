package kinesisserver_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

func TestQueues_deadLetters_94_95_98_99(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.arn = s.create("q", fromHorizon, deadAfterTwo)
		s.put("a")
		first := s.receiveOne()
		s.pass(30 * time.Second)
		assert.Equal(s.t, 2, s.receiveOne().count())
		assert.Empty(s.t, s.receiveDead(), "it can still be acknowledged")
		s.pass(29 * time.Second)
		assert.Empty(s.t, s.receive())
		dead := s.receiveOneDead()
		assert.Equal(s.t, first.id(), dead.id())
		assert.Equal(s.t, "a", dead.data())
		assert.Equal(s.t, "key of a", dead["PartitionKey"])
		assert.Equal(s.t, 3, dead.count(), "goes on counting")
		assert.Equal(s.t, first["FirstReceiveTimestamp"], dead["FirstReceiveTimestamp"])
		assert.Empty(s.t, s.receiveDead(), "hidden for the queue's time-out")
		s.pass(28 * time.Second)
		assert.Empty(s.t, s.receive())
		assert.Equal(s.t, dead.id(), s.receiveOneDead().id())

		s.put("b")
		s.receiveOne()
		s.pass(30 * time.Second)
		s.ack(s.receiveOne().handle())
		s.pass(time.Minute)
		assert.Empty(s.t, s.receive())
		list := s.receiveDead()
		require.Len(s.t, list, 1)
		assert.Equal(s.t, "a", list[0].data())
	})
}

func TestQueues_deadAtOnce_96_101(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.arn = s.create("q", fromHorizon, deadAfterOne)
		s.put("a")
		s.visible(0, s.receiveOne().handle())
		dead := s.receiveOneDead()
		s.does(setDead, seconds0, dead.handle())
		again := s.receiveOneDead()
		assert.NotEqual(s.t, dead.handle(), again.handle())
		s.does(setDead, `"VisibilityTimeoutSeconds":100`, again.handle())
		s.pass(98 * time.Second)
		assert.Empty(s.t, s.receiveDead())
		s.pass(time.Second)
		s.receiveOneDead()
		s.put("b")
		s.receiveOne(seconds0)
		assert.Equal(s.t, []string{"b"}, dataOf(s.receiveDead()))
	})
}

func TestQueues_neverDead_97(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.arn = s.create("q", fromHorizon, `"QueueAttributes":{"DeadLetterConfiguration":{"TargetType":"NONE"}}`)
		s.put("a")
		for i := range 50 {
			assert.Equal(s.t, i+1, s.receiveOne(seconds0).count())
		}
		assert.Empty(s.t, s.receiveDead())
	})
}

func TestQueues_deadAcknowledged_100(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.arn = s.create("q", fromHorizon, deadAfterOne)
		s.put("a")
		s.receiveOne(seconds0)
		dead := s.receiveOneDead()
		s.does(ackDead, "", dead.handle())
		s.pass(time.Minute)
		assert.Empty(s.t, s.receive())
		assert.Empty(s.t, s.receiveDead())
		assert.Equal(s.t, []string{"a"}, s.stored())
		s.does(ackDead, "", dead.handle())
		s.failsTo(nf, setDead, seconds0, dead.handle())
	})
}

func TestQueues_restored_102_103_104(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.arn = s.create("q", fromHorizon, deadAfterTwo)
		s.put("a")
		first := s.receiveOne(seconds0)
		live := s.receiveOne()
		s.failsTo(ia, restore, "", live.handle())
		s.failsTo(ia, ackDead, "", live.handle())
		s.failsTo(ia, setDead, seconds0, live.handle())
		s.visible(0, live.handle())
		dead := s.receiveOneDead()
		s.failsTo(ia, acknowledge, "", dead.handle())
		s.failsTo(ia, setVisible, seconds0, dead.handle())
		s.failsTo(nf, acknowledge, "", live.handle())
		s.does(restore, "", dead.handle())
		s.failsTo(nf, restore, "", dead.handle())
		s.failsTo(nf, ackDead, "", dead.handle())
		s.pass(time.Second)
		again := s.receiveOne(seconds0)
		assert.Equal(s.t, 1, again.count())
		assert.Equal(s.t, first.id(), again.id())
		assert.Equal(s.t, first["FirstReceiveTimestamp"], again["FirstReceiveTimestamp"], "unchanged")
		assert.Equal(s.t, 2, s.receiveOne(seconds0).count())
		assert.Empty(s.t, s.receive())
		s.receiveOneDead()
	})
}

func TestQueues_attributesOfTheDead_105_106(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.arn = s.create("q", fromHorizon, deadAfterOne)
		s.put("a")
		s.receiveOne(seconds0)
		s.must("UpdateQueue", s.on(deadAfterTwo))
		s.pass(account.DefaultQueueDelay)
		assert.Empty(s.t, s.receive(), "dead stays dead")
		s.receiveOneDead(seconds0)
		s.must("UpdateQueue", s.on(`"QueueAttributes":{"DeadLetterConfiguration":{"TargetType":"NONE"}}`))
		s.pass(account.DefaultQueueDelay)
		assert.Empty(s.t, s.receive())
		s.does(restore, "", s.receiveOneDead().handle())
		s.receiveOne()
	})
}

// A count that is lowered counts when a record is visible again, or at its next
// receive.
func TestQueues_loweredCount(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		s.put("in flight", "visible")
		for _, d := range s.receive() {
			s.visible(0, d.handle())
		}
		for _, d := range s.receive(`"VisibilityTimeoutSeconds":100`) {
			if d.data() == "visible" {
				s.visible(0, d.handle())
			}
		}
		s.must("UpdateQueue", s.on(deadAfterTwo))
		s.pass(account.DefaultQueueDelay)
		assert.Empty(s.t, s.receive())
		assert.Equal(s.t, []string{"visible"}, dataOf(s.receiveDead()))
		s.pass(100 * time.Second)
		assert.Empty(s.t, s.receive())
		assert.Equal(s.t, []string{"in flight", "visible"}, dataOf(s.receiveDead()))
	})
}
