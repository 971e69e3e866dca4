//! Many short lists in two allocations: what each group has.

/// Lists by number of their group.
#[derive(Clone, Debug)]
pub(super) struct Lists<T> {
    /// Where each group's list ends in `items`; the one before says where it begins.
    ends: Vec<u32>,
    items: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        let (ends, items) = (Vec::new(), Vec::new());
        Self { ends, items }
    }
}

impl<T: Copy> Lists<T> {
    /// Sorts `pairs` of group and item by group, each list in their order. Groups are numbered
    /// below `groups`.
    pub(super) fn of(groups: usize, pairs: impl Iterator<Item = (u32, T)> + Clone) -> Self {
        let mut ends = vec![0_u32; groups];
        let mut first = None;
        for (group, item) in pairs.clone() {
            ends[group as usize] += 1;
            first = first.or(Some(item));
        }
        let mut total = 0;
        for end in &mut ends {
            // For now where the list begins; it moves to the end as the list fills.
            total += std::mem::replace(end, total);
        }
        let Some(first) = first else {
            let items = Vec::new();
            return Self { ends, items };
        };
        let mut items = vec![first; total as usize];
        for (group, item) in pairs {
            let end = &mut ends[group as usize];
            items[*end as usize] = item;
            *end += 1;
        }
        Self { ends, items }
    }

    /// The list of one group.
    pub(super) fn group(&self, group: u32) -> &[T] {
        let at = group as usize;
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.items[begin as usize..self.ends[at] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_has_its_items_in_order() {
        let pairs = [(2, 'a'), (0, 'b'), (2, 'c'), (3, 'd'), (2, 'e')];
        let lists = Lists::of(5, pairs.into_iter());
        let groups: Vec<String> = (0..5).map(|at| lists.group(at).iter().collect()).collect();
        assert_eq!(groups, ["b", "", "ace", "d", ""]);
        let none = Lists::of(1, [(0_u32, 'x')].into_iter().skip(1));
        assert!(none.group(0).is_empty());
    }
}
