//! Tests of the bulletin's wording, especially where there is nothing to report.

use qiaojian_domain::area::Level;
use qiaojian_domain::assignment::AssignmentStatus;
use qiaojian_domain::digest::canonical;
use qiaojian_domain::organization::Kind;

use super::progress::*;
use super::progress_html::render_html;
use super::progress_sample::{added, common, date, gap, own, task};
use super::progress_text::render_text;

const DRAFT: Letterhead<'_> = Letterhead {
    serial: None,
    title: "关于试点工作进展情况的通报",
    published_on: None,
    late_since: None,
    recipient_name: "蚌埠市侨联",
};

fn text(common: &Common, own: &Own) -> String {
    render_text(
        &DRAFT,
        common,
        own,
        &Digests {
            common: "c0",
            own: "0f",
        },
    )
}

fn html(letterhead: &Letterhead<'_>, common: &Common, own: &Own) -> String {
    render_html(
        letterhead,
        common,
        own,
        &Digests {
            common: "c0",
            own: "0f",
        },
    )
}

#[test]
fn the_articles_figures_in_its_own_diction() {
    let text = text(&common(), &own());
    for sentence in [
        "现将“党建带侨建、侨建促党建”试点工作2022年6月进展情况通报如下：",
        "截至2022年6月24日，全省共有基层侨联组织483个。试点工作开展以来，新增基层侨联组织325个，比试点前（2021年10月31日）的158个增长205.7%。其中，市级侨联1个，县（市、区）侨联15个，乡镇（街道）侨联31个，村（社区）侨联工作站277个，园区侨联1个。",
        "2022年6月（6月1日至6月24日），全省新增基层侨联组织47个，其中，乡镇（街道）侨联6个，村（社区）侨联工作站41个。",
        "从覆盖情况看，全省设区市16个，均已建立侨联组织，实现全覆盖；县（市、区）104个，已建立侨联组织的57个，覆盖率54.8%；乡镇（街道）1522个，已建立侨联组织的96个，覆盖率6.3%；已建立侨联组织的村（社区）310个，村（社区）总数未知，覆盖率未知。",
        "4个试点市共有基层侨联组织375个，2022年6月新增46个，试点工作开展以来新增315个，比试点前的60个增长525.0%。各市情况见表1、表2。",
        "2022年6月（6月1日至6月24日），蚌埠市新增基层侨联组织14个，均为村（社区）侨联工作站。",
        "蚌埠市所辖7个县（市、区）中，尚未建立县级侨联的1个（固镇县）；乡镇（街道）共73个，尚未建立侨联组织的55个；村（社区）共1062个，尚未建立侨联组织的958个。禹会区已实现“三级全覆盖”。",
        "截至2022年6月24日，蚌埠市承担任务27项，已办结23项，正在办理3项，逾期未办结1项。",
        "共23项，另有20项未列出。",
        "2022年7月（7月1日至7月31日），蚌埠市到期任务2项（见表7），请按时限办结，并及时报送办理情况。",
        "对逾期未办结的1项任务，请抓紧办理，说明逾期原因，明确办结时间。",
        "【演示数据，仅供示意】",
        "进展情况通报　编号待发",
        "增长率＝试点工作开展以来新增数÷试点前组织数",
        "计数规则“默认”第1版",
    ] {
        assert!(text.contains(sentence), "{sentence}\n\n{text}");
    }
}

#[test]
fn added_and_growth_at_the_edges() {
    use Level::{County, Village};
    let one = (County, Kind::Federation, 1);
    let two = (Village, Kind::WorkStation, 2);
    for (groups, baseline, expected) in [
        (vec![], Some(158), "试点工作开展以来，无新增基层侨联组织。"),
        (vec![], None, "试点工作开展以来，无新增基层侨联组织。"),
        (
            vec![one],
            Some(0),
            "新增基层侨联组织1个，为县（市、区）侨联，试点前（2021年10月31日）没有基层侨联组织，不计算增长率。",
        ),
        (
            vec![two],
            None,
            "新增基层侨联组织2个，均为村（社区）侨联工作站，试点前（2021年10月31日）组织数未知，增长率未知。",
        ),
        (
            vec![two, one],
            Some(2000),
            "新增基层侨联组织3个，比试点前（2021年10月31日）的2000个增长0.2%。其中，县（市、区）侨联1个，村（社区）侨联工作站2个。",
        ),
    ] {
        let mut common = common();
        common.added_since_baseline = added(&groups);
        common.totals.growth = Ratio::of(common.added_since_baseline.total, baseline);
        let text = text(&common, &own());
        assert!(text.contains(expected), "{expected}\n\n{text}");
    }
}

#[test]
fn a_quiet_month_reads_right() {
    let (mut common, mut own) = (common(), own());
    common.illustrative = false;
    common.added_in_period = added(&[]);
    own.added_in_period = added(&[]);
    own.tasks.overdue = TaskList::default();
    own.due_next = TaskList::default();
    own.gaps = vec![gap("340304", "禹会区", Some(true), (0, 7), (0, 68))];
    let text = text(&common, &own);
    for sentence in [
        "2022年6月（6月1日至6月24日），全省无新增基层侨联组织。",
        "2022年6月（6月1日至6月24日），蚌埠市无新增基层侨联组织。",
        "蚌埠市所辖1个县（市、区）及其乡镇（街道）、村（社区）均已建立侨联组织，实现“三级全覆盖”。",
        "已办结23项，正在办理3项，无逾期任务。",
        "2022年7月（7月1日至7月31日），蚌埠市无到期任务。",
    ] {
        assert!(text.contains(sentence), "{sentence}\n\n{text}");
    }
    for absent in [
        "演示数据",
        "应建尽建",
        "抓紧办理",
        "尚未建立",
        "未建/总数",
        "逾期未办结",
    ] {
        assert!(!text.contains(absent), "{absent}\n\n{text}");
    }
}

#[test]
fn tasks_at_the_edges() {
    let list = |count| TaskList { count, rows: vec![] };
    for (done, open, overdue, expected) in [
        (0, 0, 0, "蚌埠市未承担任务。"),
        (3, 0, 0, "蚌埠市承担任务3项，已全部办结。"),
        (
            0,
            2,
            0,
            "蚌埠市承担任务2项，均未办结，其中正在办理2项，无逾期任务。",
        ),
        (0, 0, 1, "蚌埠市承担任务1项，均未办结，逾期未办结1项。"),
        (1, 0, 1, "蚌埠市承担任务2项，已办结1项，逾期未办结1项。"),
    ] {
        let mut own = own();
        own.tasks = Tasks {
            done: list(done),
            open: list(open),
            overdue: list(overdue),
        };
        let text = text(&common(), &own);
        assert!(text.contains(expected), "{expected}\n\n{text}");
    }
}

#[test]
fn what_is_unknown_is_never_zero() {
    let (mut common, mut own) = (common(), own());
    own.gaps[0].has_organization = None;
    own.gaps[0].townships = Missing {
        without: None,
        of: Some(8),
    };
    own.gaps[0].villages = Missing {
        without: None,
        of: None,
    };
    common.cities[1].growth = Ratio::of(78, None);
    common.cities[1].townships = Ratio::of(None, 48);
    common.cities[1].villages = Ratio::of(None, None);
    let text = text(&common, &own);
    for sentence in [
        "尚未建立县级侨联的1个（固镇县），县级侨联情况未知的1个（龙子湖区）",
        "乡镇（街道）共73个，尚未建立侨联组织的个数未知",
        "村（社区）总数未知，尚未建立侨联组织的个数未知",
        "· 龙子湖区：本级侨联 未知；乡镇（街道） 未知/8；村（社区） 未知",
        "试点前组织数未知，增长率未知。各市情况",
        "乡镇（街道） 未知（未知/48）；村（社区） 未知",
    ] {
        assert!(text.contains(sentence), "{sentence}\n\n{text}");
    }
    own.gaps.clear();
    assert!(super::progress_tests::text(&common, &own).contains("蚌埠市所辖县（市、区）的覆盖情况未知。"));
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_escapes_what_it_is_given() {
    let letterhead = Letterhead {
        serial: Some(7),
        title: &title(&common().program, &common().period.label),
        published_on: Some(date("2022-06-27")),
        late_since: None,
        recipient_name: "蚌埠市侨联",
    };
    let mut own = own();
    own.tasks.overdue = TaskList::capped(vec![task(
        1,
        "<script>alert('侨')</script>",
        "2022-05-31",
        AssignmentStatus::Issued,
    )]);
    let page = html(&letterhead, &common(), &own);
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"zh-CN\">"));
    for present in [
        "关于“党建带侨建、侨建促党建”试点工作2022年6月进展情况的通报",
        "第7期",
        "蚌埠市侨联：",
        "<p>安徽省侨联</p><p>2022年6月27日</p>",
        "演示数据，仅供示意",
        "&lt;script&gt;alert('侨')",
        "北京时间2022年6月27日8时00分（2022-06-27T00:00:00.000000Z）",
        "<dd>c0</dd>",
        "<dd>0f</dd>",
        "特此通报。",
    ] {
        assert!(page.contains(present), "{present}");
    }
    for absent in ["<script", "<link", "<img", "http", "url(", "@import", "编号待发"] {
        assert!(!page.contains(absent), "{absent}");
    }
    // The formatting that remains if a mail program drops the style sheet.
    for kept in [
        r#"border="1" cellspacing="0" cellpadding="5" width="100%" style="border-collapse:collapse""#,
        r#"<td class="name" align="left">"#,
        r#"<h1 style="text-align:center">"#,
        r#"<p class="p" style="text-indent:2em">"#,
        "counter(page)",
    ] {
        assert!(page.contains(kept), "{kept}");
    }
    let draft = html(&DRAFT, &common(), &own);
    assert!(draft.contains("编号待发") && draft.contains("日期待定"));
}

#[test]
fn frozen_content_comes_back_as_it_was() {
    let (common, own) = (common(), own());
    let frozen = canonical(&common).unwrap();
    assert!(
        frozen.contains(r#""growth":{"denominator":158,"numerator":325,"value":205.7}"#),
        "{frozen}"
    );
    assert!(
        frozen.contains(r#""denominator":null,"numerator":310,"value":null"#),
        "{frozen}"
    );
    let back: Common = serde_json::from_str(&frozen).unwrap();
    assert_eq!(back, common);
    let back: Own = serde_json::from_str(&canonical(&own).unwrap()).unwrap();
    assert_eq!(back, own);
}

#[test]
fn a_list_keeps_its_first_rows_and_its_count() {
    let rows = |number: i32| (1..=number).map(|no| task(no, "…", "2022-07-01", AssignmentStatus::Issued));
    for (number, listed, unlisted) in [(0, 0, 0), (20, 20, 0), (21, 20, 1), (33, 20, 13)] {
        let list = TaskList::capped(rows(number).collect());
        assert_eq!(
            (list.count, list.rows.len(), list.unlisted()),
            (i64::from(number), listed, unlisted)
        );
    }
}

#[test]
fn a_late_issue_says_so_and_asks_for_nothing_that_is_past() {
    let mut own = own();
    own.due_next = TaskList::capped(vec![
        task(1, "甲子事项", "2022-07-05", AssignmentStatus::Issued),
        task(2, "乙丑事项", "2022-07-20", AssignmentStatus::Issued),
    ]);
    let said = |published_on: &str| {
        let letterhead = Letterhead {
            serial: Some(7),
            published_on: Some(date(published_on)),
            late_since: Some(date("2022-07-01")),
            ..DRAFT
        };
        let digests = Digests {
            common: "c0",
            own: "0f",
        };
        let text = render_text(&letterhead, &common(), &own, &digests);
        assert!(text.contains("第7期（补发）"), "{text}");
        assert!(
            text.contains("本期通报应于2022年7月1日印发，现予补发，"),
            "{text}"
        );
        assert!(html(&letterhead, &common(), &own).contains("第7期（补发）"));
        text
    };
    let in_time = said("2022-07-03");
    assert!(
        in_time.contains("蚌埠市尚未到期的任务2项（见表7），请按时限办结"),
        "{in_time}"
    );
    let between = said("2022-07-10");
    assert!(
        between.contains("蚌埠市尚未到期的任务1项（见表7），请按时限办结"),
        "{between}"
    );
    assert!(
        between.contains("乙丑事项") && !between.contains("甲子事项"),
        "{between}"
    );
    let past = said("2022-07-25");
    assert!(past.contains("蚌埠市到期任务均已过办结时限。"), "{past}");
    let long_past = said("2022-08-01");
    assert!(
        long_past.contains("（7月1日至7月31日）已过，该阶段任务不再部署"),
        "{long_past}"
    );
    for late in [past, long_past] {
        assert!(
            !late.contains("请按时限办结") && !late.contains("甲子事项"),
            "{late}"
        );
    }
}
