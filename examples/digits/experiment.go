package main

import (
	"fmt"
	"math"
	"sync"
)

// plan is what an experiment does.
type plan struct {
	budget
	head    head
	rates   []float64 // that are tried
	pilots  int       // replicates on which each kind's place and rate are chosen
	seeds   int       // replicates on which the kinds are compared
	seed    uint64
	workers int
}

// pilot is a setting that was tried.
type pilot struct {
	setting
	validation result // mean over the pilots' replicates
}

// arm is one kind of dropout at its best, and what became of all replicates.
type arm struct {
	setting
	outcomes []outcome
}

// experiment is what a plan has found.
type experiment struct {
	plan   plan
	pilots []pilot
	arms   [len(kinds)]arm
}

// trials returns how many networks a plan trains.
func (p plan) trials() int {
	return (len(kinds)-1)*len(places)*len(p.rates)*p.pilots + len(kinds)*p.seeds
}

// run chooses places and rates on the validation set, with replicates that nothing else uses, and
// trains the networks to compare. It calls done after each network.
func (p plan) run(d data[float32], done func()) (experiment, error) {
	e := experiment{plan: p}
	var trials []trial
	for _, k := range kinds[1:] {
		for _, at := range places {
			for _, rate := range p.rates {
				s := setting{k, at, rate}
				e.pilots = append(e.pilots, pilot{setting: s})
				for r := range p.pilots {
					trials = append(trials, trial{s, p.seeds + r})
				}
			}
		}
	}
	outcomes, err := p.train(trials, d, validating, done)
	if err != nil {
		return e, err
	}
	for i := range e.pilots {
		e.pilots[i].validation = meanOf(outcomes[i*p.pilots:(i+1)*p.pilots], func(o outcome) result { return o.last().validation })
	}

	trials = nil
	for i, k := range kinds {
		e.arms[i] = arm{setting: best(e.pilots, k)}
		for r := range p.seeds {
			trials = append(trials, trial{e.arms[i].setting, r})
		}
	}
	if outcomes, err = p.train(trials, d, comparing, done); err != nil {
		return e, err
	}
	for i := range e.arms {
		e.arms[i].outcomes = outcomes[i*p.seeds : (i+1)*p.seeds]
	}
	return e, nil
}

// best returns the setting of a kind with the least loss on the validation set. The error, a count
// of few images, has more noise.
func best(pilots []pilot, k kind) setting {
	best := pilot{validation: result{loss: math.Inf(1)}}
	for _, p := range pilots {
		if p.kind == k && p.validation.loss < best.validation.loss {
			best = p
		}
	}
	return best.setting
}

// meanOf returns the mean of a result over outcomes.
func meanOf(outcomes []outcome, of func(outcome) result) result {
	var m result
	for _, o := range outcomes {
		r := of(o)
		m.loss += r.loss / float64(len(outcomes))
		m.error += r.error / float64(len(outcomes))
	}
	return m
}

// train trains networks side by side. No outcome depends on how many at a time.
func (p plan) train(trials []trial, d data[float32], s stage, done func()) ([]outcome, error) {
	outcomes, errs := make([]outcome, len(trials)), make([]error, len(trials))
	next := make(chan int)
	var workers sync.WaitGroup
	for range p.workers {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := range next {
				outcomes[i], errs[i] = train(trials[i], p, d, s)
				done()
			}
		}()
	}
	for i := range trials {
		next <- i
	}
	close(next)
	workers.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("training with %v, replicate %d: %w", trials[i].setting, trials[i].replicate, err)
		}
	}
	return outcomes, nil
}
