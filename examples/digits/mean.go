package main

// mean takes the average of each feature map.
type mean[T number] struct {
	in    shape
	y, dx []T
}

func (m *mean[T]) parameters() []parameter[T] { return nil }

func (m *mean[T]) forward(x []T, n int, _ bool) ([]T, error) {
	m.y = resize(m.y, n*m.in.channels)
	for i := range m.y {
		var sum T
		for _, v := range x[i*m.in.plane():][:m.in.plane()] {
			sum += v
		}
		m.y[i] = sum / T(m.in.plane())
	}
	return m.y, nil
}

func (m *mean[T]) backward(dy []T, n int) ([]T, error) {
	m.dx = resize(m.dx, n*m.in.len())
	for i, d := range dy {
		plane := m.dx[i*m.in.plane():][:m.in.plane()]
		for j := range plane {
			plane[j] = d / T(m.in.plane())
		}
	}
	return m.dx, nil
}
