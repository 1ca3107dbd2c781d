package wait

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// hasTurn reports whether a ticket has been told that it has the turn.
func hasTurn(turn <-chan *Ticket, want *Ticket) bool {
	select {
	case got := <-turn:
		return got == want
	default:
		return false
	}
}

func newTurn() chan *Ticket { return make(chan *Ticket, 1) }

func TestQueue_firstComeFirstServed(t *testing.T) {
	var q Queue
	assert.True(t, q.Empty())
	const n = 5
	turns, tickets := make([]chan *Ticket, n), make([]*Ticket, n)
	for i := range n {
		turns[i] = newTurn()
		tickets[i] = q.Enter(turns[i])
		assert.False(t, q.Empty())
	}
	for i := range n {
		assert.True(t, hasTurn(turns[i], tickets[i]))
		for _, later := range turns[i+1:] {
			assert.Empty(t, later)
		}
		q.Leave(tickets[i])
	}
	assert.True(t, q.Empty())
	again := newTurn()
	assert.True(t, hasTurn(again, q.Enter(again)), "the turn comes at once where nobody has it")
}

func TestQueue_leavingFromTheMiddle(t *testing.T) {
	var q Queue
	a, b, c := newTurn(), newTurn(), newTurn()
	first, middle, last := q.Enter(a), q.Enter(b), q.Enter(c)
	q.Leave(middle)
	q.Leave(middle) // twice is once
	assert.True(t, hasTurn(a, first))
	assert.Empty(t, c, "who leaves without the turn passes none on")
	q.Leave(first)
	assert.True(t, hasTurn(c, last))
	assert.Empty(t, b)
	q.Leave(first)
	assert.False(t, q.Empty(), "who has left has no turn to pass on")
	q.Leave(last)
	assert.True(t, q.Empty())
}

// Who leaves with the turn passes it on, whether he has read of it or not.
func TestQueue_leavingWithTheTurn(t *testing.T) {
	var q Queue
	a, b, c := newTurn(), newTurn(), newTurn()
	first, unread, last := q.Enter(a), q.Enter(b), q.Enter(c)
	q.Leave(first)
	q.Leave(unread)
	assert.True(t, hasTurn(c, last))
	q.Leave(last)
	assert.True(t, q.Empty())
}

func TestQueue_ticketsOfSeveralQueuesShareAChannel(t *testing.T) {
	var queues [3]Queue
	var before [3]*Ticket
	for i := range queues {
		before[i] = queues[i].Enter(newTurn())
	}
	turns := make(chan *Ticket, len(queues))
	var tickets [3]*Ticket
	for i := range queues {
		tickets[i] = queues[i].Enter(turns)
	}
	assert.Empty(t, turns)
	for _, i := range []int{2, 0, 1} { // nobody reads meanwhile
		queues[i].Leave(before[i])
	}
	for _, i := range []int{2, 0, 1} {
		assert.True(t, hasTurn(turns, tickets[i]))
	}
}

// Many come and go at any moment, also at the very moment in which they are
// given the turn. The turn is never had by two and never lost: else the bubble
// would end in a deadlock.
func TestQueue_nobodyIsLostAndNoTwoHaveTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers, rounds = 16, 300
		var (
			q       Queue
			holders atomic.Int32
			served  atomic.Int64
			left    atomic.Int64
			all     sync.WaitGroup
		)
		for i := range workers {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			all.Go(func() {
				for range rounds {
					turn := newTurn()
					ticket := q.Enter(turn)
					var giveUp <-chan time.Time
					if random.IntN(2) == 0 {
						giveUp = time.After(time.Duration(random.IntN(8)))
					}
					select {
					case <-turn:
						assert.EqualValues(t, 1, holders.Add(1))
						if random.IntN(2) == 0 {
							time.Sleep(time.Nanosecond) // so that others give up at this moment
						}
						holders.Add(-1)
						served.Add(1)
					case <-giveUp:
						left.Add(1)
					}
					q.Leave(ticket)
				}
			})
		}
		all.Wait()
		assert.True(t, q.Empty())
		assert.EqualValues(t, workers*rounds, served.Load()+left.Load())
		assert.Positive(t, left.Load())
		assert.Greater(t, served.Load(), int64(workers*rounds/2), "who does not give up is served")
	})
}

// The same without a bubble, as the race detector and the processors mix it.
func TestQueue_nobodyIsLostAmongProcessors(t *testing.T) {
	const workers, rounds = 8, 2000
	var (
		q       Queue
		holders atomic.Int32
		all     sync.WaitGroup
	)
	for i := range workers {
		all.Go(func() {
			for round := range rounds {
				turn := newTurn()
				ticket := q.Enter(turn)
				if (i+round)%3 > 0 { // one in three leaves at once
					<-turn
					assert.EqualValues(t, 1, holders.Add(1))
					holders.Add(-1)
				}
				q.Leave(ticket)
			}
		})
	}
	all.Wait()
	assert.True(t, q.Empty())
}

// lineOf returns a queue in which n wait.
func lineOf(n int) *Queue {
	q := new(Queue)
	turns := make(chan *Ticket, n+1)
	for range n + 1 {
		q.Enter(turns)
	}
	return q
}

func TestQueue_memoryOfATicketDoesNotDependOnTheOthers(t *testing.T) {
	turn := make(chan *Ticket, 1)
	enterAndLeave := func(q *Queue) float64 {
		return testing.AllocsPerRun(1000, func() { q.Leave(q.Enter(turn)) })
	}
	assert.Equal(t, enterAndLeave(lineOf(10)), enterAndLeave(lineOf(10_000)))
	assert.LessOrEqual(t, enterAndLeave(lineOf(10_000)), 2.0, "the ticket and its place")
}

// BenchmarkQueue takes a place in line and gives it up.
func BenchmarkQueue(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
	}{{"waiting=10", 10}, {"waiting=10000", 10_000}} {
		b.Run(c.name, func(b *testing.B) {
			q, turn := lineOf(c.n), make(chan *Ticket, 1)
			b.ReportAllocs()
			for b.Loop() {
				q.Leave(q.Enter(turn))
			}
		})
	}
}
