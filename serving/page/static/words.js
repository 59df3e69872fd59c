// What the page says, in English and Russian.

const WORDS = {
  en: {
    title: "Labelling", other: "Русский", guidelines: "Guidelines", keys: "Keys", close: "Close",
    welcome: "Judging answers",
    intro: "You will see conversations and judge answers by two questions: is it sensible, and is it specific? "
      + "Everything you say is saved at once; you can stop and come back at any time.",
    name: "Your name", begin: "Begin", read: "Read the guidelines",
    dialog: "Conversation", facts: "What B knows", human: "A", bot: "B",
    one: "The answer of B", many: (n) => `${n} answers of B, each to be judged by itself`,
    answer: (n, of) => `Answer ${n} of ${of}`,
    sensible: "Is it sensible?", specific: "Is it specific?",
    sensibleMeans: "It makes sense here and keeps to the conversation.",
    specificMeans: "It is concrete and complete, and could not answer just anything.",
    yes: "Yes", no: "No", pass: "Cannot judge", change: "Change",
    isSensible: "sensible", notSensible: "not sensible", isSpecific: "specific", notSpecific: "not specific",
    passed: "not judged", openSpecific: "specific: not judged",
    back: "Back", on: "Next page", undo: "Undo",
    page: (n, of) => `Page ${n} of ${of}`, done: (n) => `${n} done`,
    unfinished: "Some answers here are not judged yet.", nothingToUndo: "There is nothing to undo.", undone: "Taken back.",
    saved: "Saved", saving: "Saving …", unsaved: (n) => `Not saved, trying again (${n})`,
    refused: (n, why) => `${n} not accepted by the server and kept in this browser: ${why}`,
    lost: "The server does not answer. What you said is kept here and will be sent when it is back.",
    elsewhere: (n) => `This browser keeps labels of another job that were never sent (${n}); they go when its page is opened here.`,
    cannotKeep: "This browser keeps nothing for this page: do not close it while something is not saved.",
    reload: "Another job is labelled here now. Load the page again.",
    locked: "The server does not know this browser. Open the page by its whole address again; what you said is kept here.",
    thanks: "Thank you!",
    did: (p) => `You finished ${p.done} pages: ${p.judged} answers judged, ${p.passed} not judged, `
      + `${Math.round(p.seconds / 60)} minutes.`,
    later: "Nothing is left for you. You may close this page.",
    held: "All other pages are before other raters now. Some may come back within half an hour: look for new pages then.",
    review: "Look at your pages again", more: "Look for new pages",
    who: (name) => `Rater: ${name}. Change`,
    help: [["1", "yes"], ["2 or 0", "no"], ["s", "cannot judge"], ["c", "change"], ["↑ ↓", "answer before, after"],
      ["← →", "page before, after"], ["u, Ctrl+Z", "undo"], ["g", "guidelines"], ["?", "this list"]],
  },
  ru: {
    title: "Разметка", other: "English", guidelines: "Инструкция", keys: "Клавиши", close: "Закрыть",
    welcome: "Оценка ответов",
    intro: "Вы увидите разговоры и оцените ответы по двум вопросам: осмысленно ли это и конкретно ли? "
      + "Всё сохраняется сразу; можно прерваться и вернуться в любое время.",
    name: "Ваше имя", begin: "Начать", read: "Прочитать инструкцию",
    dialog: "Разговор", facts: "Что знает B", human: "A", bot: "B",
    one: "Ответ B", many: (n) => `Ответов B: ${n}. Каждый оценивается сам по себе`,
    answer: (n, of) => `Ответ ${n} из ${of}`,
    sensible: "Осмысленно?", specific: "Конкретно?",
    sensibleMeans: "Имеет смысл здесь и держится разговора.",
    specificMeans: "Предметно и полно; так нельзя ответить на что угодно.",
    yes: "Да", no: "Нет", pass: "Не могу судить", change: "Изменить",
    isSensible: "осмысленно", notSensible: "не осмысленно", isSpecific: "конкретно", notSpecific: "не конкретно",
    passed: "без оценки", openSpecific: "конкретность без оценки",
    back: "Назад", on: "Дальше", undo: "Отменить",
    page: (n, of) => `Страница ${n} из ${of}`, done: (n) => `готово: ${n}`,
    unfinished: "Здесь ещё не все ответы оценены.", nothingToUndo: "Отменять нечего.", undone: "Отменено.",
    saved: "Сохранено", saving: "Сохраняется …", unsaved: (n) => `Не сохранено, повторяем (${n})`,
    refused: (n, why) => `Сервер не принял (${n}), оставлено в этом браузере: ${why}`,
    lost: "Сервер не отвечает. Ваши ответы сохранены здесь и будут отправлены, когда он вернётся.",
    elsewhere: (n) => `Браузер хранит оценки другого задания, которые не отправлены (${n}); они уйдут, когда здесь откроют его страницу.`,
    cannotKeep: "Браузер ничего не хранит для этой страницы: не закрывайте её, пока не всё сохранено.",
    reload: "Здесь теперь другое задание. Загрузите страницу заново.",
    locked: "Сервер не узнаёт этот браузер. Откройте страницу ещё раз по полному адресу; ваши ответы сохранены здесь.",
    thanks: "Спасибо!",
    did: (p) => `Готово страниц: ${p.done}. Оценено ответов: ${p.judged}, без оценки: ${p.passed}, `
      + `минут: ${Math.round(p.seconds / 60)}.`,
    later: "Для вас больше ничего не осталось. Страницу можно закрыть.",
    held: "Остальные страницы сейчас у других. Часть может вернуться в течение получаса: поищите новые страницы тогда.",
    review: "Посмотреть свои страницы", more: "Поискать новые страницы",
    who: (name) => `Оценивает: ${name}. Сменить`,
    help: [["1", "да"], ["2 или 0", "нет"], ["s", "не могу судить"], ["c", "изменить"], ["↑ ↓", "предыдущий, следующий ответ"],
      ["← →", "предыдущая, следующая страница"], ["u, Ctrl+Z", "отменить"], ["g", "инструкция"], ["?", "этот список"]],
  },
};

/** The language to begin with: the one chosen before, else Russian for Russian dialogs or browsers, else English. */
export function language(chosen, dialogs) {
  if (chosen in WORDS) return chosen;
  const wanted = [dialogs, ...navigator.languages].map((tag) => tag.slice(0, 2).toLowerCase());
  return wanted[0] === "ru" || wanted.slice(1).find((tag) => tag in WORDS) === "ru" ? "ru" : "en";
}

export const other = (name) => (name === "en" ? "ru" : "en");
export const words = (name) => WORDS[name];
